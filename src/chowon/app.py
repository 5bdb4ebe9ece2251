"""The wiring: which part stands behind each seam, in which order they start and stop. Nothing else wires."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from chowon.api.access import LOOPBACK_NAMES, Access, RememberedTokens
from chowon.api.parts import Limits, Parts, Pulse
from chowon.api.server import create_app
from chowon.config import Config
from chowon.domain.bill import Prepared
from chowon.errors import ChowonError, Misconfigured
from chowon.ingest.backfill import Backfill
from chowon.ingest.backfill_round import BackfillBooks
from chowon.ingest.broker import Address, EmbeddedBroker, EmbeddedSettings, ExternalBroker, MqttBroker
from chowon.ingest.door import Door, Outcome
from chowon.ingest.enertalk import EnerTalkLimits, EnerTalkListener
from chowon.ingest.enertalk_tls import PEM, server_context
from chowon.ingest.ledger import Ledger
from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_link import MqttSettings
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.ingest.pipeline import Pipeline, QueueLimits
from chowon.ingest.source_file import read_sources
from chowon.ingest.sources import Sources
from chowon.jobs.billing import Billing, Books
from chowon.jobs.seal import Sealer
from chowon.live.service import Live, Priced
from chowon.meters import registry as decoders
from chowon.meters.decoded import Envelope
from chowon.meters.register_files import RegisterMaps
from chowon.registry import TariffBook
from chowon.store.catalog.sites import SiteDefaults
from chowon.store.opening import Store, open_store

BROKER_LOOKED_AT_S = 2.0
"""How often it is looked at whether the broker runs."""
HEARD_WITHIN_S = 5.0
"""How long a start waits for the MQTT broker."""
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
    with _listening(config.server.host, config.server.port, "--host and --port") as listener:
        tariffs = TariffBook.beside(config.data.folder)
        billing = Billing(store.history, tariffs.load, Books(store.prices, store.records))
        live = Live(store.history, store.sites, lambda s, p: _priced(billing.bare(s, p)), now_ms, billing)
        await live.start()
        pipeline = Pipeline(
            store.journal, live.on_durable, QueueLimits(max_readings=config.ingest.queue_readings)
        )
        door = _door(config, store, pipeline)
        async with _background(pipeline.run(), pipeline.close), _background(live.run()):
            sealing = _Sealing(Sealer(store), config.data.seal_every_s, now_ms)
            asked = Sources(
                read_sources(config.data.folder),
                RegisterMaps(config.data.folder).load,
                door,
                store.sites,
                now_ms=now_ms,
            )
            async with (
                _background(sealing.run()),
                _background(asked.run()),
                _mqtt(config, store, door, now_ms) as mqtt,
                _enertalk(config, door, now_ms) as enertalk,
            ):

                def pulse() -> Pulse:
                    return Pulse(
                        pipeline.stats(),
                        None if mqtt is None else mqtt.listener.stats(),
                        None if mqtt is None else mqtt.broker.is_running(),
                        None if enertalk is None else enertalk.stats(),
                        None if mqtt is None or mqtt.backfill is None else mqtt.backfill.stats(),
                        sealing.problem,
                        asked.states(),
                    )

                parts = Parts(
                    live=live,
                    history=store.history,
                    sites=store.sites,
                    door=door,
                    access=Access(RememberedTokens(store.tokens, now_ms), config.server.token),
                    tariff=tariffs.load,
                    tariff_ids=tariffs.ids,
                    billing=billing,
                    prices=store.prices,
                    records=store.records,
                    now_ms=now_ms,
                    pulse=pulse,
                    limits=Limits(config.server.max_body_mib * 2**20, config.server.max_live_clients),
                    dashboard=DASHBOARD if (DASHBOARD / "index.html").is_file() else None,
                )
                server = _http_server(parts, config)
                async with _background(server.serve([listener]), lambda: _leave(server)):
                    host, port = listener.getsockname()[:2]
                    shown = f"[{host}]" if ":" in host else host
                    started(
                        Addresses(
                            f"http://{shown}:{port}",
                            None if mqtt is None else mqtt.address,
                            None if enertalk is None else Address(*enertalk.address),
                        )
                    )
                    await stop.wait()
        await asyncio.to_thread(sealing.last_run)


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
            door = _door(config, store, pipeline, hold_ms)
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

    def __init__(self, sealer: Sealer, every_s: float, now_ms: Callable[[], int]) -> None:
        self._sealer, self._every_s, self._now_ms = sealer, every_s, now_ms
        self.problem: str | None = None

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            await asyncio.to_thread(self._once)

    def last_run(self) -> None:
        self._once()

    def _once(self) -> None:
        try:
            self._sealer.run(self._now_ms())
            self.problem = None
        except (ChowonError, OSError) as error:
            if self.problem != str(error):
                _log.error("sealing: %s", error)
            self.problem = str(error)


@dataclass(frozen=True, slots=True)
class _Mqtt:
    broker: MqttBroker
    address: Address
    listener: MqttListener
    backfill: Backfill | None


@contextlib.asynccontextmanager
async def _mqtt(
    config: Config, store: Store, door: Door, now_ms: Callable[[], int]
) -> AsyncIterator[_Mqtt | None]:
    """The broker (ours or another) and the listener at it; None when MQTT is off."""
    if config.mqtt.broker == "off":
        yield None
        return
    mqtt = config.mqtt
    users = {mqtt.username: mqtt.password} if mqtt.username and mqtt.password else {}
    broker: MqttBroker = (
        ExternalBroker(Address(mqtt.host, mqtt.port))
        if mqtt.broker == "external"
        else EmbeddedBroker(EmbeddedSettings(mqtt.host, mqtt.port, users))
    )
    address = await asyncio.to_thread(broker.start)
    try:
        settings = MqttSettings(
            host=address.host,
            port=address.port,
            username=mqtt.username,
            password=mqtt.password,
            tls=mqtt.tls,
            max_messages_per_s=mqtt.max_messages_per_s,
        )
        heard = asyncio.Event()
        books = BackfillBooks(door, store.devices, store.history, store.backfills, now_ms)
        backfill = Backfill(decoders.keepers() if config.backfill.enabled else (), books)
        listener = MqttListener(
            door,
            settings,
            now_ms=now_ms,
            on_state=lambda s: heard.set() if s.listening else None,
            on_heard=backfill.heard,
        )
        async with (
            _background(_kept_running(broker)),
            _background(listener.run(), listener.close),
            _background(backfill.run(listener.calls.ask)),
        ):
            await _listening_by(heard, listener)
            yield _Mqtt(broker, address, listener, backfill if config.backfill.enabled else None)
    finally:
        await asyncio.to_thread(broker.stop)


@contextlib.asynccontextmanager
async def _enertalk(
    config: Config, door: Door, now_ms: Callable[[], int]
) -> AsyncIterator[EnerTalkListener | None]:
    """The door for EnerTalk meters; None when it is off."""
    settings = config.enertalk
    if not settings.enabled:
        yield None
        return
    context = await asyncio.to_thread(server_context, config.data.folder / PEM)
    with _listening(settings.host, settings.port, "[enertalk] host and port") as listener:
        meters = EnerTalkListener(
            door,
            listener,
            context,
            networks=[ipaddress.ip_network(network, strict=False) for network in settings.networks],
            samples=settings.samples,
            limits=EnerTalkLimits(settings.max_connections),
            now_ms=now_ms,
        )
        async with _background(meters.run(), meters.close):
            yield meters


async def _kept_running(broker: MqttBroker) -> None:
    """Start the broker again, on the same port, when it has died."""
    while True:
        await asyncio.sleep(BROKER_LOOKED_AT_S)
        if not broker.is_running():
            _log.error("mqtt: the broker has died; starting it again")
            try:
                await asyncio.to_thread(broker.start)
            except ChowonError as error:
                _log.error("mqtt: %s; trying again", error)


async def _listening_by(heard: asyncio.Event, listener: MqttListener) -> None:
    """Wait until what meters publish is heard, so that nothing sent after the start is missed.

    A broker that does not let us in yet is tried further, beside everything else.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HEARD_WITHIN_S):
            await heard.wait()
    if not heard.is_set():
        _log.warning("mqtt: not listening yet: %s", listener.stats().connection_problem)


def _door(config: Config, store: Store, pipeline: Pipeline, hold_ms: int | None = None) -> Door:
    policy = NamingPolicy(
        config.ingest.auto_register,
        config.ingest.max_channels,
        hold_ms or round(config.defaults.hold_s * 1000),
    )
    naming = Naming(store.sites, policy, store.devices)
    return Door(decoders.found(), naming, pipeline, Ledger(store.sites.holds))


@contextlib.asynccontextmanager
async def _background(
    work: Coroutine[Any, Any, None], finish: Callable[[], None] | None = None
) -> AsyncIterator[None]:
    """Run `work` beside the block; its failure ends the block. At the end ask it to finish, or cancel it."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        try:
            yield
        finally:
            if finish is None:
                task.cancel()
            else:
                finish()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the command line decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _http_server(parts: Parts, config: Config) -> _Server:
    return _Server(
        uvicorn.Config(
            create_app(parts),
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


@contextlib.contextmanager
def _listening(host: str, port: int, options: str) -> Iterator[socket.socket]:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise Misconfigured(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another address with "
            f"{options} (0 takes a free port)"
        ) from error
    with listener:
        yield listener


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


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK_NAMES
