"""By which ways readings come in: the broker and its listener, EnerTalk's door, meters that are asked."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Final

from chowon.config import Config
from chowon.errors import ChowonError, Misconfigured
from chowon.ingest.backfill import Backfill
from chowon.ingest.backfill_round import BackfillBooks
from chowon.ingest.broker import Address, EmbeddedBroker, EmbeddedSettings, ExternalBroker, MqttBroker
from chowon.ingest.cables import CableLimits, Cables
from chowon.ingest.door import Door
from chowon.ingest.enertalk import EnerTalkLimits, EnerTalkListener
from chowon.ingest.enertalk_tls import PEM, server_context
from chowon.ingest.ledger import Ledger
from chowon.ingest.mqtt import MqttListener
from chowon.ingest.mqtt_link import MqttSettings
from chowon.ingest.naming import Naming, NamingPolicy
from chowon.ingest.past_days import PastDays
from chowon.ingest.pipeline import Pipeline
from chowon.ingest.reception import MqttPlace
from chowon.ingest.source_file import read_sources
from chowon.ingest.sources import Sources
from chowon.meters import registry as decoders
from chowon.meters.register_files import RegisterMaps
from chowon.store.opening import Store

BROKER_LOOKED_AT_S: Final = 2.0
"""How often it is looked at whether the broker runs."""
HEARD_WITHIN_S: Final = 5.0
"""How long a start waits for the MQTT broker."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MqttIntake:
    """A broker and who listens at it."""

    broker: MqttBroker
    address: Address
    listener: MqttListener
    backfill: Backfill | None


@contextlib.asynccontextmanager
async def mqtt_intake(
    config: Config, store: Store, door: Door, now_ms: Callable[[], int]
) -> AsyncIterator[MqttIntake | None]:
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
            background(_kept_running(broker)),
            background(listener.run(), listener.close),
            background(backfill.run(listener.calls.ask)),
        ):
            await _listening_by(heard, listener)
            yield MqttIntake(broker, address, listener, backfill if config.backfill.enabled else None)
    finally:
        await asyncio.to_thread(broker.stop)


@contextlib.asynccontextmanager
async def enertalk_intake(
    config: Config, door: Door, now_ms: Callable[[], int]
) -> AsyncIterator[EnerTalkListener | None]:
    """The door for EnerTalk meters; None when it is off."""
    settings = config.enertalk
    if not settings.enabled:
        yield None
        return
    context = await asyncio.to_thread(server_context, config.data.folder / PEM)
    with listening(settings.host, settings.port, "[enertalk] host and port") as listener:
        meters = EnerTalkListener(
            door,
            listener,
            context,
            networks=[ipaddress.ip_network(network, strict=False) for network in settings.networks],
            samples=settings.samples,
            limits=EnerTalkLimits(settings.max_connections),
            now_ms=now_ms,
        )
        async with background(meters.run(), meters.close):
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


def door_of(
    config: Config,
    store: Store,
    pipeline: Pipeline,
    hold_ms: int | None = None,
    past_days: PastDays | None = None,
) -> Door:
    """The one way in. hold_ms: for channels that become known by it. past_days: as of Door."""
    policy = NamingPolicy(
        config.ingest.auto_register,
        config.ingest.max_channels,
        config.ingest.max_channels_per_meter,
        hold_ms or round(config.defaults.hold_s * 1000),
    )
    naming = Naming(store.sites, policy, store.devices)
    return Door(decoders.found(), naming, pipeline, Ledger(store.sites.holds), past_days)


def cables_of(config: Config, store: Store, door: Door, now_ms: Callable[[], int]) -> Cables:
    """The meters that are asked or listened to. Errors: MeterMisconfigured."""
    folder = config.data.folder
    maps = RegisterMaps(folder)
    sources = Sources(read_sources(folder), maps.load, door, store.sites, now_ms=now_ms)
    limits = CableLimits(config.cables.on_page, config.cables.serial)
    return Cables(sources, store.sources, maps, limits, now_ms)


def place_of(config: Config, address: Address) -> MqttPlace:
    """Where devices are told to publish."""
    mqtt = config.mqtt
    return MqttPlace(
        address.host,
        address.port,
        embedded=mqtt.broker == "embedded",
        username=mqtt.username,
        password=mqtt.password is not None,
        tls=mqtt.tls,
    )


@contextlib.asynccontextmanager
async def background(
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


@contextlib.contextmanager
def listening(host: str, port: int, options: str) -> Iterator[socket.socket]:
    """A socket that listens. options: what changes its address, for the message. Errors: Misconfigured."""
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
