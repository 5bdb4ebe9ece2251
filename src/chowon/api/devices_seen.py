"""What GET /devices tells: devices that talk, devices that have a place, and how to bring further ones."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

import numpy as np

from chowon.api.devices_answers import (
    ChannelHeard,
    DeviceAnswer,
    DevicesAnswer,
    FamilyAnswer,
    FindingAnswer,
    FoundAnswer,
    FoundDevice,
    LineAnswer,
    MqttAnswer,
    PlacedChannel,
    PlacedDevice,
    PlanAnswer,
    ReasonAnswer,
    Reception,
    TalkingAnswer,
    Twin,
)
from chowon.api.health import recent_problems
from chowon.api.parts import Parts
from chowon.domain.placing import Device, Line, Plan, Reason, Standing, alike, plan
from chowon.domain.quantities import ABSENT_I32, DAY_MS, MINUTE_MS
from chowon.domain.sites import UNPLACED, Channel, Placement, Site
from chowon.domain.tariff import Text
from chowon.errors import NotFound
from chowon.i18n import known, said
from chowon.ingest.discovery import Found
from chowon.ingest.reception import diagnose
from chowon.ingest.setup import snippet
from chowon.ingest.source_file import title_of
from chowon.ingest.talking import RECENT, HeardChannel, HeardDevice
from chowon.meters.decoded import Family
from chowon.meters.fields import FIELDS, key_from
from chowon.ports import History

MOST_LISTED = 100
"""So many talking devices are listed, those heard last; of the others the number is told."""
MOST_PROBLEMS = 5
SILENT_MS = 10 * MINUTE_MS
"""A channel from which nothing came for so long may be one whose device was replaced."""
_HOLDS_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class _Rhythm:
    """What lately came of a channel, as it is kept."""

    interval_ms: int | None = None
    powers_dw: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class _Book:
    """What the catalog and the store say."""

    sites: Sequence[Site]
    placements: Sequence[Placement]
    last_ms: Mapping[int, int]
    rhythms: Mapping[int, _Rhythm]


async def listed(parts: Parts) -> DevicesAnswer:
    """All devices."""
    talking = parts.door.naming.talking
    book = await asyncio.to_thread(_read, parts, bool(talking.devices()))
    heard = talking.devices()
    pulse = parts.pulse()
    findings = diagnose(parts.mqtt, pulse.mqtt, pulse.broker_running)
    return DevicesAnswer(
        time_ms=parts.now_ms(),
        talking=[_talking(parts, book, device) for device in _in_order(heard[:MOST_LISTED])],
        not_listed=max(0, len(heard) - MOST_LISTED),
        placed=_placed(parts, book),
        families=[_family(parts, family) for family in parts.door.registry.families()],
        reception=Reception(
            mqtt=_mqtt(parts, 0 if pulse.mqtt is None else pulse.mqtt.received),
            findings=[
                FindingAnswer(id=f.id, wrong=f.wrong, text=said(f"reception.{f.id}", f.places))
                for f in findings
            ],
            rejected_payloads=parts.door.ledger.rejected_payloads,
            recent_problems=recent_problems(parts, MOST_PROBLEMS)[::-1],
        ),
        can_look=parts.look is not None,
    )


async def one(parts: Parts, family: str, device: str) -> DeviceAnswer:
    """One device. Errors: NotFound."""
    heard = parts.door.naming.talking.device(family, device)
    book = await asyncio.to_thread(_read, parts, heard is not None)
    placed = [p for p in _placed(parts, book) if (p.family, p.device) == (family, device)]
    if heard is None and not placed:
        raise NotFound(f"no device {family}/{device} is heard or has a place; GET /api/v1/devices lists them")
    return DeviceAnswer(
        time_ms=parts.now_ms(),
        talking=None if heard is None else _talking(parts, book, heard),
        placed=placed[0] if placed else None,
    )


def talking_powers(parts: Parts, family: str, device: str) -> dict[str, int | None]:
    """The last power of each channel of a device as the device tells it, 0.1 W."""
    heard = parts.door.naming.talking.device(family, device)
    channels = {} if heard is None else heard.channels
    return {name: channel.values.get("power_dw") for name, channel in channels.items()}


async def found_answer(parts: Parts, found: Iterable[Found]) -> FoundAnswer:
    """What was found in the network, with how to make it talk."""
    placements = await asyncio.to_thread(parts.devices.placements)
    heard = {(d.family, d.device) for d in parts.door.naming.talking.devices()}
    heard |= {(_name_of(p), p.key.meter) for p in placements}
    return FoundAnswer(
        found=[
            FoundDevice(
                **asdict(f),
                title=_title(parts, f.family),
                talking=(f.family, key_from(f.name)) in heard,
                setup=_setup(f.family),
                snippet=_snippet(parts, f.family),
            )
            for f in found
        ]
    )


def reasons(found: Iterable[Reason]) -> list[ReasonAnswer]:
    """Reasons with their texts."""
    return [ReasonAnswer(id=r.id, text=said(f"why.{r.id}", r.places)) for r in found]


def _read(parts: Parts, suggesting: bool) -> _Book:
    """suggesting: whether it matters which totals are silent."""
    sites, placements = parts.sites.sites(), parts.devices.placements()
    fed = [p.channel for p in placements if p.channel is not None]
    totals = [c for site in sites for c in site.main_channels] if suggesting else []
    last_ms = parts.history.last_times(sorted({c.id for c in (*fed, *totals)}))
    return _Book(sites, placements, last_ms, _rhythms(parts.history, fed, parts.now_ms()))


def _rhythms(history: History, channels: Sequence[Channel], now_ms: int) -> dict[int, _Rhythm]:
    """How often these channels told a power lately, and the last ones."""
    found: dict[int, _Rhythm] = {}
    by_hold = sorted(channels, key=lambda c: c.hold_ms)
    for hold_ms, same in groupby(by_hold, key=lambda c: c.hold_ms):
        span_ms = min(max(_HOLDS_LOOKED_AT * hold_ms, MINUTE_MS), DAY_MS)
        readings = history.readings([c.id for c in same], now_ms - span_ms, now_ms + MINUTE_MS)
        if readings.power_dw is None:
            continue
        told = readings.where(readings.power_dw != ABSENT_I32)
        assert told.power_dw is not None
        ids, first = np.unique(told.channel, return_index=True)
        ends = [*first[1:].tolist(), len(told)]
        for channel, start, end in zip(ids.tolist(), first.tolist(), ends, strict=True):
            steps = np.diff(told.time_ms[start:end])
            interval_ms = int(np.median(steps)) if len(steps) else None
            found[channel] = _Rhythm(
                interval_ms, tuple(told.power_dw[max(start, end - RECENT) : end].tolist())
            )
    return found


def _in_order(heard: Sequence[HeardDevice]) -> list[HeardDevice]:
    """By name, so that a list that is asked for again and again doesn't jump."""
    return sorted(heard, key=lambda device: (device.family, device.device))


def _talking(parts: Parts, book: _Book, heard: HeardDevice) -> TalkingAnswer:
    return TalkingAnswer(
        family=heard.family,
        title=_title(parts, heard.family, heard.device),
        device=heard.device,
        last_ms=heard.last_ms,
        channels=[_heard(name, channel) for name, channel in sorted(heard.channels.items())],
        suggestion=_plan(book, plan(_device(parts, heard), _standing(parts, book))),
        same_as=_twins(parts, book, heard),
    )


def _heard(name: str, channel: HeardChannel) -> ChannelHeard:
    return ChannelHeard(
        name=name,
        values={f.name: channel.values[f.column] / f.scale for f in FIELDS if f.column in channel.values},
        interval_ms=channel.interval_ms,
        last_ms=channel.last_ms,
        recent_w=[p / 10 for p in channel.powers_dw],
        lowest_w=None if channel.lowest_dw is None else channel.lowest_dw / 10,
        highest_w=None if channel.highest_dw is None else channel.highest_dw / 10,
    )


def _device(parts: Parts, heard: HeardDevice) -> Device:
    lines = tuple(
        Line(
            name,
            c.lowest_dw,
            c.highest_dw,
            c.interval_ms,
            counts="import_milliwh" in c.values or "export_milliwh" in c.values,
        )
        for name, c in sorted(heard.channels.items())
    )
    ours = parts.cables.find(heard.family, heard.device)
    if ours is not None:
        official = ours.kind != "modbus" and not ours.turned
        return Device(heard.device, round(ours.hold_s * 1000), lines, ours.makes, official)
    family = parts.door.registry.family(heard.family)
    return Device(heard.device, 10_000 if family is None else round(family.hold_s * 1000), lines)


def _standing(parts: Parts, book: _Book) -> Standing:
    fed = frozenset(p.channel.id for p in book.placements if p.channel is not None)
    now_ms = parts.now_ms()
    totals = [c for site in book.sites for c in site.main_channels]
    silent = [c.id for c in totals if now_ms - book.last_ms.get(c.id, 0) > max(SILENT_MS, 2 * c.hold_ms)]
    return Standing(book.sites, fed, frozenset(silent))


def _plan(book: _Book, found: Plan) -> PlanAnswer:
    lines = [
        LineAnswer(
            name=line.name,
            keep=line.keep,
            meter=line.meter or None,
            channel=line.channel or None,
            role=line.role,
            hold_ms=max(line.hold_ms, 1000),
            turned=line.turned,
            why=reasons(line.why),
        )
        for line in found.lines
    ]
    new = all(site.key != found.site for site in book.sites)
    return PlanAnswer(site=found.site, site_is_new=new, lines=lines, notes=reasons(found.notes))


def _twins(parts: Parts, book: _Book, heard: HeardDevice) -> list[Twin]:
    """Other devices that tell the same: one device that is heard by two ways."""
    mine = _loudest([c.powers_dw for c in heard.channels.values()])
    others = {
        (d.family, d.device): _loudest([c.powers_dw for c in d.channels.values()])
        for d in parts.door.naming.talking.devices()[:MOST_LISTED]
        if d is not heard
    }
    for name, placements in _by_device(book):
        kept = [book.rhythms.get(p.channel.id, _Rhythm()).powers_dw for p in placements if p.channel]
        others.setdefault(name, _loudest(kept))
    same = [name for name, powers in others.items() if name[0] != heard.family and alike(mine, powers)]
    return [Twin(family=family, device=device) for family, device in same]


def _loudest(powers: Iterable[Iterable[int]]) -> tuple[int, ...]:
    """The line with the most power: of two that are the same, both tell it."""
    return max((tuple(p) for p in powers), key=lambda p: sum(map(abs, p)), default=())


def _by_device(book: _Book) -> list[tuple[tuple[str, str], list[Placement]]]:
    of_device = groupby(book.placements, key=lambda p: (_name_of(p), p.key.meter))
    return [(name, list(placements)) for name, placements in of_device]


def _name_of(placement: Placement) -> str:
    return placement.key.site.removeprefix(UNPLACED)


def _placed(parts: Parts, book: _Book) -> list[PlacedDevice]:
    names = {site.key: site.name for site in book.sites}
    made = []
    for (family, device), placements in _by_device(book):
        channels = [_placed_channel(book, p) for p in placements]
        fed = [p.channel for p in placements if p.channel is not None]
        site = fed[0].key.site if fed else None
        last = [book.last_ms[c.id] for c in fed if c.id in book.last_ms]
        made.append(
            PlacedDevice(
                family=family,
                title=_title(parts, family, device),
                device=device,
                site=site,
                site_name=None if site is None else names.get(site),
                last_ms=max(last, default=None),
                silent_since_ms=_silent_since(parts.now_ms(), book, fed),
                channels=channels,
            )
        )
    return made


def _placed_channel(book: _Book, placement: Placement) -> PlacedChannel:
    channel = placement.channel
    if channel is None:
        return PlacedChannel(name=placement.key.channel)
    rhythm = book.rhythms.get(channel.id, _Rhythm())
    return PlacedChannel(
        name=placement.key.channel,
        turned=placement.turned,
        channel_id=channel.id,
        meter=channel.key.meter,
        channel=channel.key.channel,
        role=channel.role,
        hold_ms=channel.hold_ms,
        power_w=rhythm.powers_dw[-1] / 10 if rhythm.powers_dw else None,
        interval_ms=rhythm.interval_ms,
        last_ms=book.last_ms.get(channel.id),
        recent_w=[p / 10 for p in rhythm.powers_dw],
    )


def _silent_since(now_ms: int, book: _Book, fed: Sequence[Channel]) -> int | None:
    """The last word of the channel that is overdue for longest."""
    overdue = [
        last for c in fed if (last := book.last_ms.get(c.id)) is not None and now_ms - last > c.hold_ms
    ]
    return min(overdue, default=None)


def _family(parts: Parts, family: Family) -> FamilyAnswer:
    return FamilyAnswer(
        name=family.name,
        title=family.title,
        setup=_setup(family.name),
        snippet=_snippet(parts, family.name),
    )


def _setup(family: str) -> Text:
    key = f"setup.{family}"
    return said(key if known(key) else "setup.other")


def _snippet(parts: Parts, family: str) -> str | None:
    return None if parts.mqtt is None else snippet(family, parts.mqtt)


def _title(parts: Parts, name: str, device: str | None = None) -> str:
    """Of a family; of a meter on a cable as people call it."""
    ours = None if device is None else parts.cables.find(name, device)
    if ours is not None:
        return title_of(ours)
    family = parts.door.registry.family(name)
    return name if family is None else family.title


def _mqtt(parts: Parts, received: int) -> MqttAnswer | None:
    place = parts.mqtt
    if place is None:
        return None
    return MqttAnswer(
        host=place.told(),
        port=place.port,
        username=place.username,
        password=place.password,
        tls=place.tls,
        loopback_only=place.loopback_only,
        received=received,
    )
