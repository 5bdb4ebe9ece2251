"""The shapes of what /devices answers: docs/reference/api.md."""

from pydantic import BaseModel

from chowon.api.health import RecentProblemAnswer
from chowon.domain.sites import Role
from chowon.domain.tariff import Text


class ReasonAnswer(BaseModel):
    """Why, as an id for programs and a text for people."""

    id: str
    text: Text


class LineAnswer(BaseModel):
    """What is suggested for one channel of a device; without `why` it is what PUT takes."""

    name: str
    keep: bool
    meter: str | None
    channel: str | None
    role: Role
    hold_ms: int
    turned: bool
    why: list[ReasonAnswer]


class PlanAnswer(BaseModel):
    """A suggestion."""

    site: str
    site_is_new: bool
    lines: list[LineAnswer]
    notes: list[ReasonAnswer]


class ChannelHeard(BaseModel):
    """One channel of a device and what it told last."""

    name: str
    values: dict[str, float]
    """by the field names of Writing readings, e.g. power_w"""
    interval_ms: int | None
    last_ms: int | None
    recent_w: list[float]
    """the last powers, oldest first"""
    lowest_w: float | None
    highest_w: float | None


class Twin(BaseModel):
    """A device that tells the same values."""

    family: str
    device: str


class TalkingAnswer(BaseModel):
    """A device without a place."""

    family: str
    title: str
    device: str
    last_ms: int
    channels: list[ChannelHeard]
    suggestion: PlanAnswer
    same_as: list[Twin]


class PlacedChannel(BaseModel):
    """One channel of a device that has its place; passed over where `channel_id` is null."""

    name: str
    turned: bool = False
    channel_id: int | None = None
    meter: str | None = None
    channel: str | None = None
    role: Role | None = None
    hold_ms: int | None = None
    power_w: float | None = None
    """the last one, as it is kept: turned round if it is to be"""
    interval_ms: int | None = None
    last_ms: int | None = None
    recent_w: list[float] = []


class PlacedDevice(BaseModel):
    """A device that has its place."""

    family: str
    title: str
    device: str
    site: str | None
    site_name: str | None
    last_ms: int | None
    silent_since_ms: int | None
    """null while all of its channels are heard as often as their hold asks, and when it never was heard"""
    channels: list[PlacedChannel]


class FamilyAnswer(BaseModel):
    """A kind of device that can be read, and how to make it talk to this server."""

    name: str
    title: str
    setup: Text
    snippet: str | None
    """settings to copy; null while MQTT is off"""


class FindingAnswer(BaseModel):
    """Something about the reception."""

    id: str
    wrong: bool
    text: Text


class MqttAnswer(BaseModel):
    """Where devices are to publish."""

    host: str
    port: int
    username: str | None
    password: bool
    tls: bool
    loopback_only: bool
    received: int


class Reception(BaseModel):
    """Whether devices can be heard."""

    mqtt: MqttAnswer | None
    findings: list[FindingAnswer]
    rejected_payloads: int
    recent_problems: list[RecentProblemAnswer]
    """the last that were not understood, the newest first"""


class DevicesAnswer(BaseModel):
    """All of it."""

    time_ms: int
    talking: list[TalkingAnswer]
    not_listed: int
    placed: list[PlacedDevice]
    families: list[FamilyAnswer]
    reception: Reception
    can_look: bool
    """whether POST /devices/look is allowed by the settings"""


class DeviceAnswer(BaseModel):
    """One device, talking or placed; or both, when it has a channel that nobody has decided about."""

    time_ms: int
    talking: TalkingAnswer | None
    placed: PlacedDevice | None


class FoundDevice(BaseModel):
    """A device that announces itself in the network."""

    family: str
    title: str
    name: str
    address: str | None
    model: str | None
    talking: bool
    """it is heard already"""
    setup: Text
    snippet: str | None


class FoundAnswer(BaseModel):
    """What was found."""

    found: list[FoundDevice]
