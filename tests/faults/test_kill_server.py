"""kill -9 of the server, again and again, while meters write through every door and the lake is being made.

What was acknowledged is there afterwards, once. Over HTTP the acknowledgement is status 200. Over MQTT it is
the broker's: a real Mosquitto keeps what it has acknowledged for chowon's session, so everything published
must arrive however often chowon dies.
"""

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import paho.mqtt.client as mqtt
import pyarrow as pa
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from chowon.domain.energy import held
from chowon.domain.quantities import DEFAULT_HOLD_MS, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.rollups import ROLLUP_COLUMNS, rollup
from chowon.meters.arrow_stream import CONTENT_TYPE
from chowon.ports import Entry
from chowon.store.columns import readings_of_table
from chowon.store.opening import Reader, open_reader
from tests.replaying import Mosquitto
from tests.system.programs import READY_S, Server, ask, eventually, serve

KILLS = 50
CHECK_EVERY = 10
BATCH = 40
CATCH_UP_S = 300.0
"""A busy machine may leave many messages to the last start."""
START_MS = 1_795_310_000_000
"""2026-11-22 10:13 in Seoul: far enough back that no reading lies ahead of the machine's clock."""
ALL_TIMES = (0, 2**42)


def power_dw(time_ms: np.ndarray) -> np.ndarray:
    """What every meter measures at an instant, 0.1 W: so a stored value shows that it is the sent one."""
    return (time_ms // 1_000 * 7_919) % 50_000


def batch(number: int) -> np.ndarray:
    """(BATCH,) the times of a meter's n-th batch, ms UTC."""
    return START_MS + (number * BATCH + np.arange(BATCH)) * 1_000


def as_json(meter: str, number: int) -> bytes:
    time_ms = batch(number)
    rows = zip(time_ms.tolist(), power_dw(time_ms).tolist(), strict=True)
    readings = [{"site": "home", "meter": meter, "time": t, "power_w": p / 10} for t, p in rows]
    return json.dumps({"readings": readings}).encode()


def as_arrow(meter: str, number: int) -> bytes:
    time_ms = batch(number)
    columns = {"site": ["home"] * BATCH, "meter": [meter] * BATCH, "time": pa.array(time_ms)}
    table = pa.table(columns | {"power_w": pa.array(power_dw(time_ms) / 10)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def as_message(number: int) -> bytes:
    time_ms = batch(number)
    rows = zip(time_ms.tolist(), power_dw(time_ms).tolist(), strict=True)
    return json.dumps([{"time": t, "power_w": p / 10} for t, p in rows]).encode()


class Place:
    """Where the server is at the moment, and how many batches were acknowledged in all."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._http: str | None = None
        self._over = False
        self._acknowledged = 0

    def moved(self, http: str | None) -> None:
        with self._news:
            self._http = http
            self._news.notify_all()

    def end(self) -> None:
        with self._news:
            self._over = True
            self._news.notify_all()

    def address(self) -> str | None:
        """Waits for a server; None when all is over."""
        with self._news:
            self._news.wait_for(lambda: self._over or self._http, READY_S)
            return None if self._over else self._http

    def left(self, address: str) -> None:
        """Waits until the server is no longer at this address."""
        with self._news:
            self._news.wait_for(lambda: self._over or self._http != address, READY_S)

    def acknowledged(self) -> None:
        with self._news:
            self._acknowledged += 1
            self._news.notify_all()

    def wait_for(self, more: int) -> None:
        with self._news:
            wanted = self._acknowledged + more
            told = f"no {more} acknowledgements within {READY_S} s"
            assert self._news.wait_for(lambda: self._acknowledged >= wanted, READY_S), told


class HttpMeter(threading.Thread):
    """Posts batch after batch, each exactly once: what gets no answer is never sent again."""

    def __init__(self, name: str, place: Place, body: Callable[[str, int], bytes], kind: str) -> None:
        super().__init__(daemon=True)
        self.name, self._place, self._body, self._kind = name, place, body, kind
        self.sent = 0
        self.acknowledged: list[int] = []
        self.problem: object = None

    def run(self) -> None:
        while (address := self._place.address()) is not None:
            number = self.sent
            self.sent += 1
            body = self._body(self.name, number)
            try:
                status, answer = ask(f"{address}/api/v1/readings", body, {"Content-Type": self._kind})
            except (OSError, http.client.HTTPException):
                self._place.left(address)
                continue
            if status == 200:
                self.acknowledged.append(number)
                self._place.acknowledged()
            elif status != 503:
                self.problem = answer
                return


class MqttMeter(threading.Thread):
    """Publishes with QoS 1 to the broker, which stays alive: all of it must arrive."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.connect("127.0.0.1", port)
        self.sent = 0
        self.all_acknowledged = False

    def run(self) -> None:
        self._client.loop_start()
        while not self._over.wait(0.02):
            last = self._client.publish("chowon/v1/home/mqtt", as_message(self.sent), qos=1)
            self.sent += 1
        last.wait_for_publish(READY_S)
        self.all_acknowledged = last.is_published()
        self._client.disconnect()
        self._client.loop_stop()

    def end(self) -> None:
        self._over.set()
        self.join(READY_S)


def halfway(folder: Path) -> bool:
    """Whether the kill came while the lake was being made: files that nobody lists, or a journal to trim."""
    with reading(folder) as reader:
        snapshot = reader.files.snapshot()
        unlisted, _ = reader.lake.unlisted(snapshot.files)
        return bool(unlisted) or reader.journal.bounds().trimmed_through < snapshot.sealed_through


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    reader = open_reader(folder)
    try:
        yield reader
    finally:
        reader.close()


def found(reader: Reader, meter: str) -> np.ndarray:
    """(n,) the times of a meter's readings as every question sees them; checks values and rollups."""
    channel = next(c.id for s in reader.sites.sites() for c in s.channels if c.key.meter == meter)
    readings = reader.history.readings([channel], *ALL_TIMES)
    assert np.array_equal(readings.power_dw, power_dw(readings.time_ms))
    pieces = held(readings, DEFAULT_HOLD_MS)
    for resolution, bucket_ms in (("1min", MINUTE_MS), ("15min", QUARTER_MS), ("1h", HOUR_MS)):
        rows = reader.history.rollup([channel], *ALL_TIMES, resolution, "UTC")
        expected = rollup(pieces, bucket_ms)
        for column in ROLLUP_COLUMNS:
            assert np.array_equal(getattr(rows, column), getattr(expected, column)), (resolution, column)
    return readings.time_ms


def rows_kept(reader: Reader) -> Counter[tuple[int, int]]:
    """How often each (channel, time) stands in listed files and unsealed journal together."""
    snapshot = reader.files.snapshot()
    tail: list[Entry] = list(reader.journal.read(snapshot.sealed_through))
    parts = [entry.readings for entry in tail]
    for file in snapshot.files:
        if file.kind == "raw":
            channels = np.arange(file.min_channel, file.max_channel + 1, dtype=np.uint32)
            parts.append(readings_of_table(reader.lake.read(file, channels, *ALL_TIMES)))
    kept: Counter[tuple[int, int]] = Counter()
    for part in parts:
        kept.update(zip(part.channel.tolist(), part.time_ms.tolist(), strict=True))
    return kept


def check_http(reader: Reader, meter: HttpMeter, acknowledged: list[int]) -> None:
    """Each acknowledged reading is there, nothing is there that was not sent, and no row stands twice."""
    times = found(reader, meter.name)
    channel = next(c.id for s in reader.sites.sites() for c in s.channels if c.key.meter == meter.name)
    assert np.isin(np.concatenate([batch(n) for n in acknowledged]), times).all(), (
        "an acknowledged one is lost"
    )
    assert np.isin(times, np.concatenate([batch(n) for n in range(meter.sent)])).all()
    twice = {key: n for key, n in rows_kept(reader).items() if key[0] == channel and n > 1}
    assert not twice


def start(folder: Path, broker: Mosquitto) -> Server:
    return serve(
        folder,
        CHOWON_DATA__SEAL_EVERY_S="0.05",
        CHOWON_MQTT__BROKER="external",
        CHOWON_MQTT__PORT=str(broker.port),
    )


def kill_at_some_moment(server: Server, place: Place, chance: random.Random) -> None:
    """One in eight while it starts, the others after some acknowledgements and a moment more."""
    if chance.random() < 1 / 8:
        threading.Event().wait(chance.uniform(0.3, 1.2))
        server.killed()
        return
    place.moved(server.ready().http)
    place.wait_for(chance.randint(1, 25))
    threading.Event().wait(chance.uniform(0, 0.1))
    server.killed()
    place.moved(None)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    folder = tmp_path / "broker"
    folder.mkdir()
    with Mosquitto(folder) as running:
        yield running


def test_what_was_acknowledged_survives_fifty_kills_once(tmp_path: Path, broker: Mosquitto) -> None:
    folder, place, chance = tmp_path / "data", Place(), random.Random(20_261_123)
    with start(folder, broker) as first:  # the session is at the broker from here on
        first.ready().listening()
        assert first.stopped() == 0
    meters = [HttpMeter("json", place, as_json, "application/json")]
    meters.append(HttpMeter("arrow", place, as_arrow, CONTENT_TYPE))
    publisher = MqttMeter(broker.port)
    for thread in (*meters, publisher):
        thread.start()
    hit_sealing = 0
    for kill in range(1, KILLS + 1):
        with start(folder, broker) as server:
            kill_at_some_moment(server, place, chance)
        hit_sealing += halfway(folder)
        if kill % CHECK_EVERY == 0:
            with reading(folder) as reader:
                for meter in meters:
                    check_http(reader, meter, list(meter.acknowledged))
    publisher.end()
    place.end()
    assert publisher.all_acknowledged
    with start(folder, broker) as last:
        last.ready()
        newest_ms = int(batch(publisher.sent - 1)[-1])
        eventually(lambda: _newest_ms(folder, "mqtt") == newest_ms, CATCH_UP_S)
        assert last.stopped() == 0
    with reading(folder) as reader:
        for meter in meters:
            meter.join(READY_S)
            assert meter.problem is None
            assert len(meter.acknowledged) > KILLS
            check_http(reader, meter, meter.acknowledged)
        everything = np.concatenate([batch(n) for n in range(publisher.sent)])
        assert np.array_equal(found(reader, "mqtt"), everything)
    assert hit_sealing, "no kill came while the lake was being made: seal more often"
    assert sum(meter.sent - len(meter.acknowledged) for meter in meters), "no kill came during a request"


def _newest_ms(folder: Path, meter: str) -> int | None:
    with reading(folder) as reader:
        channel = next(c.id for s in reader.sites.sites() for c in s.channels if c.key.meter == meter)
        return reader.history.last_times([channel]).get(channel)
