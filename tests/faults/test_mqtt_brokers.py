"""MQTT with real brokers: what is acknowledged is durable, what is not comes again."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from paho.mqtt.publish import multiple

from chowon.errors import MeterMisconfigured, Misconfigured
from chowon.ingest.broker import Address, EmbeddedBroker, EmbeddedSettings, ExternalBroker
from chowon.ingest.mqtt import MqttListener, MqttStats
from chowon.ingest.mqtt_link import MqttSettings
from chowon.ingest.naming import NamingPolicy
from chowon.ingest.pipeline import QueueLimits
from chowon.meters import chowon_binary, chowon_json
from chowon.meters.decoded import Envelope
from tests.brokers import embedded, free_port, mosquitto, needs_mosquitto, publish
from tests.ingest_fakes import NOW_MS, TIMEOUT_S, Intake, disk_full

pytestmark = needs_mosquitto
TOPIC = "chowon/v1/home/main"


@pytest.fixture(params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Address]:
    with mosquitto(tmp_path) if request.param == "mosquitto" else embedded() as address:
        yield address


def _reading(n: int) -> str:
    return f'{{"time":{NOW_MS + n},"power_w":{n}}}'


class Reader:
    """A listener in its task, and a way to wait for what happens."""

    def __init__(self, intake: Intake, address: Address, **options: object) -> None:
        self.intake = intake
        self._news = asyncio.Event()
        settings = MqttSettings(address.host, address.port, first_pause_s=0.05, **options)  # type: ignore[arg-type]
        self.listener = MqttListener(
            intake.door, settings, now_ms=lambda: NOW_MS, on_state=lambda _: self._news.set()
        )
        intake.pipeline._on_durable = self._durable
        self.task = asyncio.create_task(self.listener.run())

    def _durable(self, readings: object) -> None:
        self._news.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for news until it is true."""
        while not true():
            self._news.clear()
            await self._news.wait()

    async def until_true(self, true: Callable[[], bool]) -> None:
        """As `until`, for what gives no news."""
        while not true():  # noqa: ASYNC110 — what is not durable gives no news
            await asyncio.sleep(0.005)

    @property
    def stats(self) -> MqttStats:
        return self.listener.stats()

    @property
    def stored(self) -> list[int]:
        """Power of what is durable, W, in order."""
        power = self.intake.journal.readings.power_dw
        return [] if power is None else (power // 10).tolist()


@asynccontextmanager
async def reader(intake: Intake, address: Address, **options: object) -> AsyncIterator[Reader]:
    """Listens inside the block; closed cleanly after it."""
    it = Reader(intake, address, **options)
    try:
        await it.until(lambda: it.stats.listening)
        yield it
    finally:
        it.listener.close()
        await it.task


async def _publish(address: Address, topic: str, *payloads: str) -> None:
    await asyncio.to_thread(publish, address, topic, *payloads)


def test_two_meters_end_in_the_journal_as_sent_and_in_order(broker: Address) -> None:
    async def scene(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            for meter in ("a", "b"):
                await _publish(broker, f"chowon/v1/home/{meter}", *(_reading(n) for n in range(30)))
            await it.until(lambda: len(it.stored) == 60)
            found = intake.journal.readings
            ids = [channel.id for channel in intake.sites.channels.values()]
            assert len(ids) == 2
            for channel in ids:
                mine = found.where(found.channel == channel)
                assert mine.power_dw is not None
                assert mine.power_dw.tolist() == [10 * n for n in range(30)]
                assert mine.time_ms.tolist() == [NOW_MS + n for n in range(30)]
        assert it.stats.acknowledged == 60

    Intake().run(scene)


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
def test_both_versions_of_mqtt_are_spoken(protocol: str, tmp_path: Path) -> None:
    async def scene(intake: Intake) -> None:
        with mosquitto(tmp_path) as address:
            async with reader(intake, address, protocol=protocol) as it:
                await _publish(address, TOPIC, _reading(1))
                await it.until(lambda: it.stored == [1])
            assert it.stats.acknowledged == 1

    Intake().run(scene)


def test_a_message_whose_reader_was_killed_before_it_was_durable_comes_again(broker: Address) -> None:
    script = Path(__file__).with_name("mqtt_reader_that_hangs.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(broker.port), "reader-1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as doomed:
        try:
            assert doomed.stdout is not None
            assert doomed.stdout.readline() == "listening\n"
            publish(broker, TOPIC, _reading(7))
            assert doomed.stdout.readline() == "held\n"
        finally:
            doomed.send_signal(signal.SIGKILL)

    async def scene(intake: Intake) -> None:
        async with reader(intake, broker, client_id="reader-1") as it:
            await it.until(lambda: it.stored == [7])

    Intake().run(scene)


def test_what_comes_while_we_are_away_is_kept_and_nothing_acknowledged_comes_twice(broker: Address) -> None:
    async def first(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await _publish(broker, TOPIC, _reading(1), _reading(2))
            await it.until(lambda: it.stored == [1, 2])

    async def second(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await it.until(lambda: 3 in it.stored)
            await _publish(broker, TOPIC, _reading(4))
            await it.until(lambda: 4 in it.stored)
            assert it.stored == [3, 4]

    Intake().run(first)
    publish(broker, TOPIC, _reading(3))
    Intake().run(second)


def test_closing_while_the_store_is_away_leaves_the_message_to_the_broker(broker: Address) -> None:
    async def away(intake: Intake) -> None:
        intake.journal.fail_with = disk_full()
        async with reader(intake, broker) as it:
            await _publish(broker, TOPIC, _reading(5))
            await intake.written()
        assert it.stats.acknowledged == 0
        assert it.stored == []

    async def back(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await it.until(lambda: it.stored == [5])

    Intake().run(away)
    Intake().run(back)


def test_when_the_store_comes_back_everything_is_written_in_order(broker: Address) -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.fail_with = disk_full()
        async with reader(intake, broker) as it:
            await _publish(broker, TOPIC, *(_reading(n) for n in range(5)))
            await intake.written()
            assert it.stats.acknowledged == 0
            intake.journal.fail_with = None
            await it.until(lambda: len(it.stored) == 5)
            assert it.stored == list(range(5))
        assert it.stats.acknowledged == 5
        assert it.stats.store_waits > 0

    Intake(limits=QueueLimits(first_pause_s=0)).run(scene)


def test_poison_is_noted_and_acknowledged_and_does_not_block(broker: Address) -> None:
    async def scene(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await _publish(broker, TOPIC, "not json", '{"time":1,"power_w":1}', _reading(1))
            await _publish(broker, "chowon/v1/HOME/main", _reading(2))
            await _publish(broker, TOPIC, _reading(3))
            await it.until(lambda: 3 in it.stored)
            assert it.stored == [1, 3]
        assert it.stats.poison == 3
        assert it.stats.acknowledged == 5
        recent = intake.ledger.recent_problems()
        assert [p.source for p in recent] == [TOPIC, TOPIC, "chowon/v1/HOME/main"]
        assert [p.problem.where for p in recent] == ["payload", "reading.time", "topic, site"]

    Intake().run(scene)


def test_a_meter_that_floods_lies_and_stammers_costs_two_hundred_others_nothing(broker: Address) -> None:
    """The bad one sends more than it may: good readings first, then garbage of 20 kB each."""
    bad = [*(_reading(n) for n in range(10)), *["x" * 20_000] * 490]
    meters = [f"chowon/v1/home-{n}/main" for n in range(200)]

    async def scene(intake: Intake) -> None:
        async with reader(intake, broker, max_messages_per_s=1) as it:
            flood = asyncio.create_task(_publish(broker, "chowon/v1/bad/main", *bad))
            for second in range(2):
                good = [(topic, _reading(1000 + second), 1, False) for topic in meters]
                await asyncio.to_thread(multiple, good, hostname=broker.host, port=broker.port)
            await flood
            await it.until_true(lambda: it.stats.acknowledged == len(bad) + 400)
            assert sorted(w for w in it.stored if w >= 1000) == [1000] * 200 + [1001] * 200
            assert it.stats.flooded >= 300
            assert [w for w in it.stored if w < 1000] == list(range(10))
            told = [p for p in intake.ledger.recent_problems() if p.source == "chowon/v1/bad/main"]
            assert sum("[mqtt] max_messages_per_s" in p.problem.expected for p in told) == 1

    Intake().run(scene)


CONFIG = "homeassistant/sensor/kitchen/power/config"
DISCOVERY = (
    '{"name":"Power","uniq_id":"k_power","stat_t":"kitchen/sensor/power/state","unit_of_meas":"W",'
    '"dev_cla":"power","stat_cla":"measurement","dev":{"ids":["k"],"name":"Kitchen"}}'
)


def test_a_device_that_announces_itself_is_listened_to_until_it_takes_that_back(broker: Address) -> None:
    state = "kitchen/sensor/power/state"

    async def scene(intake: Intake) -> None:
        def heard() -> list[int]:
            devices = intake.door.naming.talking.devices()
            return [c.values["power_dw"] for device in devices for c in device.channels.values()]

        await asyncio.to_thread(publish, broker, CONFIG, DISCOVERY, options=("-r",))
        async with reader(intake, broker) as it:
            await it.until_true(lambda: state in it.listener._link._filters)
            await it.until_true(lambda: it.stats.listening)
            await _publish(broker, state, "812.5")
            await it.until_true(lambda: heard() == [8125])
            await _publish(broker, CONFIG, "")
            await it.until_true(lambda: state not in it.listener._link._filters)
        assert intake.ledger.rejected_payloads == 0
        assert len(intake.journal.readings) == 0

    Intake().run(scene)


def test_channels_that_nobody_registered_are_noted_and_acknowledged(broker: Address) -> None:
    async def scene(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await _publish(broker, TOPIC, _reading(1))
            intake.sites.register(
                chowon_json.DECODER.decode(  # the next one is known
                    _reading(2).encode(), Envelope(NOW_MS, "home", "second")
                ).keys[0],
                10_000,
            )
            await _publish(broker, "chowon/v1/home/second", _reading(2))
            await it.until(lambda: it.stored == [2])
        assert it.stats.acknowledged == 2
        assert "register it" in intake.ledger.recent_problems()[0].problem.expected

    Intake(policy=NamingPolicy(auto_register=False)).run(scene)


def test_a_held_journal_bounds_what_is_held_and_loses_nothing(broker: Address) -> None:
    async def scene(intake: Intake) -> None:
        intake.journal.hold()
        async with reader(intake, broker, max_inflight=5) as it:
            await _publish(broker, TOPIC, *(_reading(n) for n in range(100)))
            await intake.written()
            assert it.stats.held <= 10
            assert it.stats.acknowledged == 0
            intake.journal.release()
            await it.until(lambda: len(it.stored) == 100)
            assert it.stored == list(range(100))
        assert it.stats.acknowledged == 100

    Intake().run(scene)


def test_a_binary_batch_over_mqtt_is_read(broker: Address, tmp_path: Path) -> None:
    decoded = chowon_json.DECODER.decode(_reading(9).encode(), Envelope(NOW_MS, "home", "main"))
    batch = tmp_path / "batch.bin"
    batch.write_bytes(chowon_binary.encode(decoded, Envelope(NOW_MS, "home", "main")))
    command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", TOPIC, "-f", str(batch)]

    async def scene(intake: Intake) -> None:
        async with reader(intake, broker) as it:
            await asyncio.to_thread(subprocess.run, command, check=True, timeout=TIMEOUT_S)
            await it.until(lambda: it.stored == [9])

    Intake().run(scene)


def test_a_broker_that_restarts_is_found_again(tmp_path: Path) -> None:
    port = free_port()

    async def scene(intake: Intake) -> None:
        with mosquitto(tmp_path, port) as address:
            it = Reader(intake, address)
            await it.until(lambda: it.stats.listening)
        await it.until(lambda: not it.stats.listening)
        assert it.stats.connection_problem is not None
        with mosquitto(tmp_path, port):
            await it.until(lambda: it.stats.listening)
            await _publish(address, TOPIC, _reading(1))
            await it.until(lambda: it.stored == [1])
            it.listener.close()
            await it.task

    Intake().run(scene)


def test_a_connection_lost_before_the_journal_answers_is_not_acknowledged_on_the_next(tmp_path: Path) -> None:
    port = free_port()

    async def scene(intake: Intake) -> None:
        with mosquitto(tmp_path, port) as address:
            it = Reader(intake, address)
            await it.until(lambda: it.stats.listening)
            intake.journal.hold()
            await _publish(address, TOPIC, _reading(1))
            await intake.written()
        await it.until(lambda: not it.stats.listening)
        with mosquitto(tmp_path, port):
            await it.until(lambda: it.stats.listening)
            intake.journal.release()
            await it.until(lambda: it.stored == [1, 1])  # the same key again: it replaces
            it.listener.close()
            await it.task
            assert (it.stats.received, it.stats.acknowledged) == (2, 1)

            async def later(other: Intake) -> None:
                async with reader(other, address) as again:
                    await _publish(address, TOPIC, _reading(9))
                    await again.until(lambda: again.stored != [])
                    assert again.stored == [9]

            await asyncio.to_thread(Intake().run, later)

    Intake().run(scene)


def test_a_wrong_password_is_told_and_tried_again_later() -> None:
    users = {"Meter-1": 'p"\\ä', "other": "x"}
    broker = EmbeddedBroker(EmbeddedSettings(port=0, users=users))
    address = broker.start()

    async def scene(intake: Intake) -> None:
        it = Reader(intake, address, username="Meter-1", password="wrong")
        await it.until(lambda: it.stats.connection_problem != "not connected yet")
        assert not it.stats.listening
        it.listener.close()
        await it.task
        async with reader(intake, address, username="Meter-1", password='p"\\ä') as right:
            assert right.stats.connection_problem is None

    try:
        Intake().run(scene)
    finally:
        broker.stop()


def test_the_embedded_broker_ends_when_its_parent_is_killed() -> None:
    code = (
        "import psutil, sys\n"
        "from chowon.ingest.broker import *\n"
        "EmbeddedBroker(EmbeddedSettings(port=0)).start()\n"
        "print(psutil.Process().children()[0].pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert child.wait(TIMEOUT_S) is None or not child.is_running()


def test_the_embedded_broker_keeps_no_password_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    broker = EmbeddedBroker(EmbeddedSettings(port=0, users={"a": "secret"}))
    try:
        broker.start()
        assert list(tmp_path.iterdir()) == []
        assert broker.is_running()
    finally:
        broker.stop()
    assert not broker.is_running()


def test_the_embedded_broker_listens_on_loopback_and_nowhere_else() -> None:
    with embedded() as address:
        ours = [child for child in psutil.Process().children() if "iotcore" in " ".join(child.cmdline())]
        heard = [c.laddr for child in ours for c in child.net_connections() if c.status == psutil.CONN_LISTEN]
    assert [(place.ip, place.port) for place in heard] == [("127.0.0.1", address.port)]


def test_an_open_broker_on_the_network_is_refused() -> None:
    with pytest.raises(Misconfigured, match="set users"):
        EmbeddedBroker(EmbeddedSettings(host="0.0.0.0"))
    EmbeddedBroker(EmbeddedSettings(host="0.0.0.0", users={"a": "b"}))
    with pytest.raises(Misconfigured, match=r"127\.0\.0\.1"):
        EmbeddedBroker(EmbeddedSettings(host="localhost"))


def test_a_port_in_use_is_told_with_the_port() -> None:
    with embedded() as address:
        second = EmbeddedBroker(EmbeddedSettings(port=address.port))
        with pytest.raises(Misconfigured, match=str(address.port)):
            second.start()
        assert not second.is_running()


def test_a_broker_of_somebody_else_is_only_an_address() -> None:
    broker = ExternalBroker(Address("mqtt.lan", 1883))
    assert broker.start() == Address("mqtt.lan", 1883)
    broker.stop()


def test_certificates_that_cannot_be_read_are_a_wrong_setting(tmp_path: Path) -> None:
    settings = MqttSettings(tls=True, ca_file=tmp_path / "missing.pem")
    with pytest.raises(MeterMisconfigured, match="certificates"):
        MqttListener(Intake().door, settings, now_ms=lambda: NOW_MS)
