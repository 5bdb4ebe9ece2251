"""Where the readings of a file would go, what they would be there, and what a person should know of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chowon.domain.quantities import DEFAULT_HOLD_MS
from chowon.domain.sites import Channel, ChannelKey, Role, Site
from chowon.domain.tariff import Text
from chowon.i18n import said
from chowon.ports import History
from chowon.store.catalog.sites import LONGEST_HOLD_MS, role_of

FIRST_METER: Final = "main"
FILE_METER: Final = "file"
"""Of a site that has a meter already: what is heard live and what a file says are told apart."""
_HOLDS: Final = 3
"""A channel that is slower than usual may be silent for so many of its steps"""
_TOTAL: Final = ("main", "phase")


@dataclass(frozen=True, slots=True)
class Told:
    """What a file has to say, as far as it was looked at."""

    lines: tuple[tuple[str, str], ...]
    """(what is added to the meter's key, channel)"""
    start_ms: int
    end_ms: int
    step_ms: int | None
    """the usual time from one to the next"""
    interval_ms: int | None
    """the longest interval, where rows stand for one"""


@dataclass(frozen=True, slots=True)
class TargetLine:
    """A channel that would be written."""

    key: ChannelKey
    is_new: bool
    role: Role


@dataclass(frozen=True, slots=True)
class Target:
    """Where it would all go."""

    lines: tuple[TargetLine, ...]
    hold_ms: int
    """of the channels that are new"""
    notes: tuple[Text, ...]
    wrong: tuple[Text, ...]


def meter_for(site: Site | None, told: Told | None, history: History) -> str:
    """The meter that a file is, until a person says otherwise.

    One that holds the file's first readings, or was made for such files; else one beside what is heard live.
    """
    if site is None:
        return FIRST_METER
    channels: dict[str, dict[str, Channel]] = {}
    for channel in site.channels:
        channels.setdefault(channel.key.meter, {})[channel.key.channel] = channel
    if told is not None:
        names = {name for more, name in told.lines if not more}
        fitting = {meter: [its[n] for n in names] for meter, its in channels.items() if names <= its.keys()}
        for meter, its in fitting.items():
            if len(history.readings([c.id for c in its], told.start_ms, told.start_ms + 1)):
                return meter
        for meter, its in fitting.items():
            if all(c.hold_ms == hold_for(told.step_ms, told.interval_ms) != DEFAULT_HOLD_MS for c in its):
                return meter
    names_left = (FIRST_METER, FILE_METER, *(f"{FILE_METER}-{n}" for n in range(2, len(channels) + 3)))
    return next(name for name in names_left if name not in channels)


def target(
    site: Site | None, keys: tuple[str, str], told: Told, roles: Mapping[str, Role], history: History
) -> Target:
    """keys: of the site and the meter. roles: by channel, what a person said of them."""
    wanted = [ChannelKey(keys[0], keys[1] + more, name) for more, name in dict.fromkeys(told.lines)]
    known = {} if site is None else {c.key: c for c in site.channels}
    notes: list[Text] = []
    wrong: list[Text] = []
    for key in wanted:
        if key in known:
            _check_hold(known[key], told, notes, wrong)
    total = _overlapping(site, wanted, told, history)
    lines = tuple(_line(key, known.get(key), total, roles) for key in wanted)
    if total is not None and any(line.is_new and line.role in _TOTAL for line in lines):
        notes.append(said("import.note.twice", {"channel": _named(total.key)}))
    if not any(line.role in _TOTAL for line in lines) and (site is None or not site.main_channels):
        notes.append(said("import.note.no_total"))
    return Target(lines, hold_for(told.step_ms, told.interval_ms), tuple(notes), tuple(wrong))


def _line(
    key: ChannelKey, there: Channel | None, total: Channel | None, roles: Mapping[str, Role]
) -> TargetLine:
    if there is not None:
        return TargetLine(key, False, there.role)
    role = role_of(key)
    if total is not None and role in _TOTAL:
        role = "aside"
    return TargetLine(key, True, roles.get(key.channel, role))


def hold_for(step_ms: int | None, interval_ms: int | None) -> int:
    """How long a reading is to stand: an interval; else so long that one may be a little late."""
    if interval_ms is not None:
        return max(DEFAULT_HOLD_MS, interval_ms)
    return min(max(DEFAULT_HOLD_MS, _HOLDS * (step_ms or 0)), LONGEST_HOLD_MS)


def _check_hold(channel: Channel, told: Told, notes: list[Text], wrong: list[Text]) -> None:
    places = {"channel": _named(channel.key), "hold": f"{channel.hold_ms / 1000:g}"}
    if told.interval_ms is not None and channel.hold_ms < told.interval_ms:
        wrong.append(said("import.wrong.hold", places | {"step": f"{told.interval_ms / 1000:g}"}))
    elif told.step_ms is not None and channel.hold_ms < told.step_ms:
        notes.append(said("import.note.hold", places | {"step": f"{told.step_ms / 1000:g}"}))


def _overlapping(
    site: Site | None, wanted: Sequence[ChannelKey], told: Told, history: History
) -> Channel | None:
    """A channel that already tells the site's total in some of this time."""
    others = () if site is None else [c for c in site.main_channels if c.key not in wanted]
    if not others:
        return None
    assert site is not None
    days = history.rollup([c.id for c in others], told.start_ms, told.end_ms + 1, "1day", site.timezone)
    found = set(days.channel.tolist())
    return next((c for c in others if c.id in found), None)


def _named(key: ChannelKey) -> str:
    return f"{key.meter} · {key.channel}"
