"""What the routes work with; app.py puts it together."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TypeAlias, cast

from fastapi import Path as InPath
from fastapi import Request, WebSocket

from chowon.api.access import Access
from chowon.api.connections import ConnectionStats
from chowon.domain.tariff import Tariff
from chowon.ingest.backfill import BackfillStats
from chowon.ingest.cables import Cables
from chowon.ingest.discovery import Found
from chowon.ingest.door import Door
from chowon.ingest.enertalk import EnerTalkStats
from chowon.ingest.imports import Imports
from chowon.ingest.mqtt import MqttStats
from chowon.ingest.pipeline import QueueStats
from chowon.ingest.reception import MqttPlace
from chowon.ingest.sources import SourceState
from chowon.jobs.appliances import Telling
from chowon.jobs.billing import Billing
from chowon.jobs.learn_holds import HoldLearner
from chowon.live.appliances.service import Appliances
from chowon.live.service import Live
from chowon.meters import prometheus_write
from chowon.meters.decoded import Decoder
from chowon.outward.service import OutwardState
from chowon.ports import (
    CorrectionBook,
    DeviceBook,
    Doubts,
    History,
    PriceBook,
    RecordBook,
    SiteBook,
    ToldDays,
    WitnessBook,
)

SiteId: TypeAlias = Annotated[int, InPath(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what one client may ask of the server."""

    body_bytes: int
    live_clients: int
    metrics_sites: int = 5000
    """sites of which /metrics tells figures"""


@dataclass(frozen=True, slots=True)
class AppliancesPulse:
    """What went wrong where appliances are told."""

    problem: str | None
    """Why what is on cannot be read from the store"""
    failed_rounds: int
    """Rounds that failed; the log says why"""
    nights: dict[str, str]
    """What could not be done of days that are over, and why"""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Counts and states of the moving parts."""

    queue: QueueStats
    http: ConnectionStats
    mqtt: MqttStats | None
    broker_running: bool | None
    enertalk: EnerTalkStats | None
    backfill: BackfillStats | None
    sealing_problem: str | None
    sources: list[SourceState]
    """Meters that chowon asks or listens to by itself"""
    outward: OutwardState
    """What goes to others; it does not decide whether chowon is healthy"""
    appliances: AppliancesPulse | None
    """None when they are not told; neither does it"""

    @property
    def healthy(self) -> bool:
        """Whether readings are taken in and kept."""
        mqtt_well = self.mqtt is None or self.mqtt.listening
        enertalk_well = self.enertalk is None or self.enertalk.listening
        return (
            mqtt_well
            and enertalk_well
            and self.broker_running is not False
            and self.queue.store_problem is None
            and self.sealing_problem is None
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may use."""

    live: Live
    history: History
    sites: SiteBook
    devices: DeviceBook
    corrections: CorrectionBook
    doubts: Doubts
    door: Door
    cables: Cables
    access: Access
    tariff: Callable[[str], Tariff]
    tariff_ids: Callable[[], list[str]]
    billing: Billing
    prices: PriceBook
    records: RecordBook
    now_ms: Callable[[], int]
    pulse: Callable[[], Pulse]
    limits: Limits
    dashboard: Path | None
    remote_write: Decoder = prometheus_write.DECODER
    """reads what Prometheus writes, with the metrics that the configuration names"""
    mqtt: MqttPlace | None = None
    """where devices are to publish; None when MQTT is off"""
    holds: HoldLearner | None = None
    """gives a channel another hold, with all that was counted of it; blocks; None where nothing is stored"""
    look: Callable[[], Awaitable[Sequence[Found]]] | None = None
    """looks for devices that announce themselves in the local network; None when that is off"""
    telling: Telling | None = None
    """tells appliances from main meters; None when that is off"""
    told: ToldDays | None = None
    """what was told of the appliances of past days; None when that is off"""
    witnessed: WitnessBook | None = None
    """what people saw run; None when appliances are not told"""
    appliances: Appliances | None = None
    """follows what switches in the sites; None when that is off"""
    imports: Imports | None = None
    """files that are brought to be imported; None where none are taken"""
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """held while a setting is read, changed and written: of two changes at once none is lost"""


def parts_of(connection: Request | WebSocket) -> Parts:
    """The parts of the server that this request came to."""
    return cast("Parts", connection.app.state.parts)
