"""The wiring: which part stands behind each seam, in which order they start and stop. Nothing else wires."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from chowon.api.access import Access, RememberedTokens
from chowon.api.connections import Connections
from chowon.api.parts import Limits, Parts, Pulse
from chowon.api.server import create_app
from chowon.appliances import Watched, watched
from chowon.config import Config
from chowon.domain.bill import Prepared
from chowon.errors import ChowonError, Misconfigured
from chowon.ingest.broker import Address
from chowon.ingest.cables import Cables
from chowon.ingest.discovery import look_around
from chowon.ingest.door import Door, Outcome
from chowon.ingest.enertalk import EnerTalkListener
from chowon.ingest.import_spool import Spool
from chowon.ingest.imports import ImportBooks, Imports
from chowon.ingest.past_days import PastDays
from chowon.ingest.pipeline import Pipeline, QueueLimits
from chowon.ingest.quality import QualityWatch
from chowon.ingest.reception import is_loopback
from chowon.intake import (
    MqttIntake,
    background,
    cables_of,
    door_of,
    enertalk_intake,
    listening,
    mqtt_intake,
    place_of,
)
from chowon.jobs.billing import Billing, Books
from chowon.jobs.learn_holds import HoldLearner, Learnt
from chowon.jobs.seal import Sealer
from chowon.live.service import Live, Priced
from chowon.meters.decoded import Envelope
from chowon.meters.prometheus_write import ForeignMetric, PrometheusWrite
from chowon.outward.service import Outward
from chowon.registry import TariffBook
from chowon.store.catalog.sites import SiteDefaults
from chowon.store.opening import Store, open_store

DASHBOARD = Path(__file__).parent / "web"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where a running chowon is to be found."""

    http: str
    mqtt: Address | None
    enertalk: Address | None


def opened(config: Config, now_ms: Callable[[], int]) -> Store:
    """The data folder of this configuration. Errors: as store.opening.open_store."""
    defaults = SiteDefaults(
        timezone=config.defaults.timezone,
        tariff=config.defaults.tariff,
        reading_day=config.defaults.reading_day,
    )
    TariffBook.beside(config.data.folder).load(defaults.tariff)
    return open_store(config.data.folder, shards=config.data.shards, defaults=defaults, now_ms=now_ms)


async def serve(
    config: Config,
    store: Store,
    *,
    now_ms: Callable[[], int],
    stop: asyncio.Event,
    started: Callable[[Addresses], None],
) -> None:
    """Run everything over an open store until `stop` is set, then finish what is in hand.

    Errors: Misconfigured (addresses, ports, broker), MeterUnavailable (the broker does not start).
    """
    _refuse_open_network(config)
    try:
        await _serve(config, store, now_ms, stop, started)
    except BaseExceptionGroup as group:
        raise _first(group) from group


async def _serve(
    config: Config,
    store: Store,
    now_ms: Callable[[], int],
    stop: asyncio.Event,
    started: Callable[[Addresses], None],
) -> None:
    with listening(config.server.host, config.server.port, "--host and --port") as listener:
        core = _core(config, store, now_ms)
        await core.live.start()
        async with (
            background(core.pipeline.run(), core.pipeline.close),
            background(core.live.run()),
            core.appliances.running(),
            background(core.imports.run()),
            background(core.sealing.run(core.door.ledger.quality)),
            background(core.cables.run()),
            mqtt_intake(config, store, core.door, now_ms) as mqtt,
            enertalk_intake(config, core.door, now_ms) as enertalk,
            background(core.outward.run(None if mqtt is None else mqtt.address), core.outward.close),
        ):
            parts = _parts(config, store, now_ms, core, _Doors(mqtt, enertalk))
            server = _http_server(parts, config, core.connections)
            async with background(server.serve([listener]), lambda: _leave(server)):
                started(_addresses(listener, mqtt, enertalk))
                await stop.wait()
        await asyncio.to_thread(core.sealing.last_run)


@dataclass(frozen=True, slots=True)
class _Core:
    """What runs whichever doors are open."""

    tariffs: TariffBook
    billing: Billing
    live: Live
    appliances: Watched
    pipeline: Pipeline
    door: Door
    outward: Outward
    connections: Connections
    sealing: "_Sealing"
    cables: Cables
    imports: Imports
    changing: asyncio.Lock


@dataclass(frozen=True, slots=True)
class _Doors:
    """The ways in besides HTTP, as far as they are open."""

    mqtt: MqttIntake | None
    enertalk: EnerTalkListener | None


def _core(config: Config, store: Store, now_ms: Callable[[], int]) -> _Core:
    """Errors: Misconfigured, MeterMisconfigured (files of meters that are asked)."""
    tariffs = TariffBook.beside(config.data.folder)
    billing = Billing(store.history, tariffs.load, Books(store.prices, store.records))
    sealer = Sealer(store)
    appliances = watched(config, store, sealer, now_ms)
    live = Live(
        store.history,
        store.sites,
        lambda s, p: _priced(billing.bare(s, p)),
        now_ms,
        billing,
        appliances.followed,
    )
    limits = QueueLimits(max_readings=config.ingest.queue_readings)
    pipeline = Pipeline(store.journal, live.on_durable, limits)
    door = door_of(config, store, pipeline, past_days=PastDays())
    changing = asyncio.Lock()
    return _Core(
        tariffs,
        billing,
        live,
        appliances,
        pipeline,
        door,
        Outward(config, live, store.history, door.naming.talking, billing.prepared, now_ms),
        Connections(config.server.max_connections),
        _Sealing(store, sealer, config, now_ms, live),
        cables_of(config, store, door, now_ms),
        Imports(
            ImportBooks(door, store.sites, store.history, now_ms, live.recount, changing),
            Spool(config.data.folder, config.server.max_import_mib * 2**20, now_ms),
        ),
        changing,
    )


def _pulse(core: _Core, doors: _Doors) -> Pulse:
    mqtt, enertalk = doors.mqtt, doors.enertalk
    return Pulse(
        core.pipeline.stats(),
        core.connections.stats(),
        None if mqtt is None else mqtt.listener.stats(),
        None if mqtt is None else mqtt.broker.is_running(),
        None if enertalk is None else enertalk.stats(),
        None if mqtt is None or mqtt.backfill is None else mqtt.backfill.stats(),
        core.sealing.problem,
        core.cables.sources.states(),
        core.outward.state(),
        core.appliances.pulse(),
    )


def _parts(config: Config, store: Store, now_ms: Callable[[], int], core: _Core, doors: _Doors) -> Parts:
    return Parts(
        live=core.live,
        history=store.history,
        sites=store.sites,
        devices=store.devices,
        corrections=store.corrections,
        doubts=store.history,
        door=core.door,
        cables=core.cables,
        access=Access(RememberedTokens(store.tokens, now_ms), config.server.token),
        tariff=core.tariffs.load,
        tariff_ids=core.tariffs.ids,
        billing=core.billing,
        prices=store.prices,
        records=store.records,
        now_ms=now_ms,
        pulse=lambda: _pulse(core, doors),
        limits=Limits(
            config.server.max_body_mib * 2**20, config.server.max_live_clients, config.prometheus.max_sites
        ),
        remote_write=_remote_write(config),
        dashboard=DASHBOARD if (DASHBOARD / "index.html").is_file() else None,
        mqtt=None if doors.mqtt is None else place_of(config, doors.mqtt.address),
        holds=core.sealing.holds,
        look=look_around if config.discovery.mdns else None,
        telling=core.appliances.telling,
        appliances=core.appliances.followed if config.appliances.tell else None,
        told=store.told if config.appliances.tell else None,
        witnessed=store.witnessed if config.appliances.tell else None,
        imports=core.imports,
        changing=core.changing,
    )


def _addresses(
    listener: socket.socket, mqtt: MqttIntake | None, enertalk: EnerTalkListener | None
) -> Addresses:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return Addresses(
        f"http://{shown}:{port}",
        None if mqtt is None else mqtt.address,
        None if enertalk is None else Address(*enertalk.address),
    )


@contextlib.contextmanager
def local_door(
    config: Config, now_ms: Callable[[], int], hold_ms: int | None = None
) -> Iterator[Callable[[bytes, str, str], Outcome]]:
    """Take payloads (bytes, content type, source) into a data folder that no server uses.

    hold_ms: for channels that become known by this. Errors of the function: as ingest.door.Door.take.
    """
    store = opened(config, now_ms)
    try:
        with asyncio.Runner() as runner:
            pipeline = Pipeline(store.journal, lambda _: None)
            writing = runner.get_loop().create_task(pipeline.run())
            door = door_of(config, store, pipeline, hold_ms)
            yield lambda payload, kind, source: runner.run(
                door.take(payload, kind, Envelope(now_ms()), source)
            )
            pipeline.close()
            runner.run(_ended(writing))
        Sealer(store).run(now_ms())
    finally:
        store.close()


async def _ended(task: asyncio.Task[None]) -> None:
    await task


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first single error in nested groups: the others follow from it."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _priced(prepared: Prepared) -> Priced:
    return Priced(prepared.tariff.currency, prepared)


class _Sealing:
    """Moves the journal into the lake now and then; a failure is shown and tried again."""

    def __init__(
        self, store: Store, sealer: Sealer, config: Config, now_ms: Callable[[], int], live: Live
    ) -> None:
        self._sealer = sealer
        self.holds = HoldLearner(store, sealer, round(config.defaults.hold_s * 1000))
        self._every_s, self._now_ms, self._live = config.data.seal_every_s, now_ms, live
        self.problem: str | None = None

    async def run(self, quality: QualityWatch) -> None:
        """quality: tells which channels' holds do not suit them."""
        while True:
            await asyncio.sleep(self._every_s)
            learnt = await asyncio.to_thread(self._once, quality.mostly_silent())
            for one in learnt:
                _log.info("%s: a reading stands for %g s now", one.channel.key, one.hold_ms / 1000)
            if learnt:
                quality.forget_gaps([one.channel.id for one in learnt])
                await self._live.reload()

    def last_run(self) -> None:
        self._once([])

    def _once(self, silent: list[int]) -> list[Learnt]:
        learnt: list[Learnt] = []
        try:
            self._sealer.run(self._now_ms())
            learnt = self.holds.run(silent, self._now_ms())
            self.problem = None
        except (ChowonError, OSError) as error:
            if self.problem != str(error):
                _log.error("sealing: %s", error)
            self.problem = str(error)
        return learnt


def _remote_write(config: Config) -> PrometheusWrite:
    told = config.prometheus.metrics
    return PrometheusWrite([ForeignMetric(m.metric, m.quantity, m.factor, m.device, m.channel) for m in told])


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the command line decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _http_server(parts: Parts, config: Config, connections: Connections) -> _Server:
    return _Server(
        uvicorn.Config(
            create_app(parts),
            http=connections.protocol,  # type: ignore[arg-type]
            limit_concurrency=config.server.max_connections,
            ws_max_size=4096,
            timeout_graceful_shutdown=3,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    )


def _leave(server: _Server) -> None:
    server.should_exit = True


def _refuse_open_network(config: Config) -> None:
    """Nothing listens beyond this machine without a secret."""
    server, mqtt = config.server, config.mqtt
    if not is_loopback(server.host) and server.token is None:
        raise Misconfigured(
            f"server.host = {server.host} lets others in: set a token first "
            "([server] token, or CHOWON_SERVER__TOKEN), or listen on 127.0.0.1"
        )
    if mqtt.broker == "embedded" and not is_loopback(mqtt.host) and not (mqtt.username and mqtt.password):
        raise Misconfigured(
            f"mqtt.host = {mqtt.host} lets others publish: set [mqtt] username and password first, "
            "or listen on 127.0.0.1"
        )
    if config.enertalk.enabled and not is_loopback(config.enertalk.host) and not config.enertalk.networks:
        raise Misconfigured(
            f"enertalk.host = {config.enertalk.host} lets others in, and the meters know no password: say in "
            '[enertalk] networks where they are (such as ["192.168.0.0/24"]), or listen on 127.0.0.1'
        )
