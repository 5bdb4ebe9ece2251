"""`chowon demo`: a recorded home as if it were happening now, through everything a real one goes through."""

import asyncio
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from chowon.cli.output import AsJson, note, progress
from chowon.cli.serve import announce, log_to_stderr, until_stopped, wall_ms
from chowon.cli.settings import loaded
from chowon.errors import BadInput, MeterUnavailable

if TYPE_CHECKING:
    from chowon.app import Addresses
    from chowon.config import Config
    from chowon.domain.sites import Channel
    from chowon.replay.calendar import Shift
    from chowon.replay.pace import Clock
    from chowon.replay.recording import Recording
    from chowon.store.opening import Store

SITE, METER = "home", "main"
PAST_DAYS = 31
"""So many days before the current billing period are filled too."""
_STOP_WAIT_S = 10


def demo(
    recording: Annotated[
        Path | None, typer.Option(help="a recorded home, Parquet; left out: the one that comes with chowon")
    ] = None,
    speed: Annotated[int, typer.Option(min=1, help="seconds of the recording in one second")] = 1,
    port: Annotated[int, typer.Option(min=0, help="HTTP port; 0 takes a free one")] = 8420,
    mqtt_port: Annotated[int, typer.Option(min=0, help="MQTT port; 0 takes a free one")] = 0,
    data: Annotated[Path | None, typer.Option(help="data folder; kept for the next time")] = None,
    as_json: AsJson = False,
) -> None:
    """Replay a recorded home over MQTT, second by second, with its page and its bill."""
    from chowon import app
    from chowon.replay.recording import SHIPPED, Recording

    path = recording or SHIPPED
    folder = data or Path("data") / "demo" / path.stem
    settings = loaded(None, folder, server__port=port, mqtt__port=mqtt_port, mqtt__broker="embedded").config
    log_to_stderr()
    with Recording.open(path) as opened:
        clock = _Timepiece(folder / "demo-clock.json")
        store = app.opened(settings, clock.now_ms)
        try:
            clock.start(_newest(store), speed)
            prepared = _filled(store, opened, clock)
            until_stopped(lambda stop: _run(settings, store, prepared, path, clock, stop, as_json))
        finally:
            store.close()


class _Timepiece:
    """The demo's clock, kept in the data folder so that meter and server, and the next run, share it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._clock: Clock | None = None

    def now_ms(self) -> int:
        return wall_ms() if self._clock is None else self._clock.now_ms(wall_ms())

    def start(self, newest_ms: int | None, speed: int) -> None:
        """Real time; faster, or after having been faster, on from the newest reading."""
        from chowon.replay.pace import Clock

        wall = wall_ms()
        virtual = wall if newest_ms is None else max(wall, newest_ms + 1)
        self._clock = Clock(wall, virtual, speed)
        self.file.write_text(self._clock.to_json())
        if virtual - wall > 60_000:
            note(f"This demo ran fast before: its clock is {(virtual - wall) / 3_600_000:.1f} h ahead.")


def _newest(store: "Store") -> int | None:
    channels = [c.id for s in store.sites.sites() for c in s.channels]
    return max(store.history.last_times(channels).values(), default=None)


def _filled(store: "Store", recording: "Recording", clock: _Timepiece) -> int:
    """Fill the store up to now, from the newest reading on or from well before this billing period.

    The instant, ms UTC, after which the meter goes on.
    """
    from chowon.domain.clock import local_day, midnight_ms, period_of
    from chowon.domain.sites import ChannelKey
    from chowon.replay.calendar import laid_onto

    channel = store.sites.register(ChannelKey(SITE, METER, "main"), recording.hold_ms)
    site = next(s for s in store.sites.sites() if s.key == SITE)
    if channel.hold_ms != recording.hold_ms:
        raise BadInput(
            f"this data folder holds another recording (one reading every "
            f"{channel.hold_ms / 1000:g} s at most); choose another folder with --data"
        )
    if site.name == SITE:
        store.sites.configure(replace(site, name="우리집"))
    zone, end_ms = ZoneInfo(site.timezone), clock.now_ms()
    newest = _newest(store)
    first_day = period_of(local_day(end_ms, zone), site.reading_day).start - timedelta(days=PAST_DAYS)
    start_ms = midnight_ms(first_day, zone) if newest is None else newest + 1
    shift = laid_onto(recording.start_ms, recording.end_ms, recording.timezone, zone, end_ms)
    _import(store, recording, shift, channel, start_ms, end_ms)
    return end_ms - 1


def _import(
    store: "Store", recording: "Recording", shift: "Shift", channel: "Channel", start_ms: int, end_ms: int
) -> None:
    import numpy as np

    from chowon.domain.quantities import DAY_MS
    from chowon.domain.readings import Readings
    from chowon.jobs.seal import Sealer
    from chowon.replay.history import history

    days = max(1, round((end_ms - start_ms) / DAY_MS))
    with progress() as bar:
        task = bar.add_task("the days before now", total=days)
        for samples in history(recording, shift, start_ms, end_ms):
            time_ms, power_dw, voltage_dv = samples.of("main")
            ids = np.full(len(time_ms), channel.id, np.uint32)
            store.journal.append([Readings(ids, time_ms, power_dw, voltage_dv=voltage_dv)])
            bar.advance(task)
        bar.update(task, description="into the lake")
        Sealer(store).run(end_ms)


async def _run(
    settings: "Config",
    store: "Store",
    since_ms: int,
    recording: Path,
    clock: _Timepiece,
    stop: asyncio.Event,
    as_json: bool,
) -> None:
    from chowon import app

    at: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    over = asyncio.Event()
    serving = asyncio.create_task(
        app.serve(settings, store, now_ms=clock.now_ms, stop=over, started=at.set_result)
    )
    await asyncio.wait((serving, at), return_when=asyncio.FIRST_COMPLETED)
    if not at.done():
        await serving
        return
    try:
        meter = await _meter(at.result(), recording, clock, since_ms)
        try:
            announce(at.result(), as_json)
            await _first_of(stop, meter, serving)
            if not stop.is_set() and not serving.done():
                raise MeterUnavailable("the replaying meter has stopped; its lines above say why")
        finally:
            assert meter.stdin is not None
            meter.stdin.close()
            await asyncio.wait_for(meter.wait(), _STOP_WAIT_S)
    finally:
        over.set()
        await serving


async def _first_of(
    stop: asyncio.Event, meter: asyncio.subprocess.Process, serving: asyncio.Task[None]
) -> None:
    waits = asyncio.create_task(stop.wait()), asyncio.create_task(meter.wait())
    await asyncio.wait((*waits, serving), return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()


async def _meter(
    at: "Addresses", recording: Path, clock: _Timepiece, since_ms: int
) -> asyncio.subprocess.Process:
    """The meter: a process of its own that knows nothing of the server but the broker's address."""
    assert at.mqtt is not None
    options = {
        "--recording": recording,
        "--host": at.mqtt.host,
        "--port": at.mqtt.port,
        "--site": SITE,
        "--meter": METER,
        "--clock": clock.file,
        "--since-ms": since_ms,
    }
    words = [str(word) for pair in options.items() for word in pair]
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "chowon", "replay", *words, "--with-parent", stdin=asyncio.subprocess.PIPE
    )
