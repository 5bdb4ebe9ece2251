"""Where a device that was heard may belong: a suggestion that a person accepts, changes or refuses.

The rules look at what it sends and at what the sites have. Nothing may count twice: a total and its phases,
or a second total at one site, are told apart or pointed out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from chowon.domain.quantities import DAY_MS
from chowon.domain.rhythm import hold_of_step
from chowon.domain.sites import Channel, Role, Site
from chowon.errors import BadInput

ReasonId = Literal[
    "total",
    "phase",
    "sum_of_phases",
    "nets_phases",
    "part_of_main",
    "part",
    "circuit",
    "solar",
    "makes",
    "aside",
    "no_power",
    "turned",
    "gives",
    "given",
    "both_ways",
    "replaces",
    "site_new",
    "site_guess",
    "total_there",
    "no_total",
    "hold_kept",
    "left_over",
]
"""Why something is suggested; the texts stand in i18n, under "devices", as "why.…"."""

FIRST_SITE: Final = "home"
PHASES: Final = ("a", "b", "c")
NOISE_DW: Final = 50
"""±5 W around 0 says nothing about a direction."""
LIKENESS: Final = 4
"""So many different powers must agree before two devices are called the same."""
_SOLAR: Final = frozenset(("solar", "pv"))


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, with what is to be named in its text."""

    id: ReasonId
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Line:
    """One channel of a device, as far as it was heard."""

    name: str
    """As the device calls it: "main" for its total, "a" "b" "c" for phases"""
    lowest_dw: int | None = None
    """Power, 0.1 W; None if it sends none"""
    highest_dw: int | None = None
    interval_ms: int | None = None
    counts: bool = False
    """It sends a counter of energy"""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that was heard."""

    key: str
    """Its id, fit to name a meter"""
    hold_ms: int
    """The hold that suits its family"""
    lines: tuple[Line, ...]
    makes: bool = False
    """It makes power, as an inverter does"""
    official: bool = False
    """It is the utility's own meter: no clamp of it can sit the wrong way round"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What there is already."""

    sites: Sequence[Site] = ()
    fed: frozenset[int] = frozenset()
    """Ids of the channels that devices feed"""
    silent: frozenset[int] = frozenset()
    """Ids of the channels from which nothing has come for long"""


@dataclass(frozen=True, slots=True)
class LinePlan:
    """What becomes of one channel of the device."""

    name: str
    keep: bool
    """False: its readings are passed over"""
    meter: str = ""
    channel: str = ""
    role: Role = "circuit"
    hold_ms: int = 0
    turned: bool = False
    why: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A suggestion for a device."""

    site: str
    """Key of the site"""
    lines: tuple[LinePlan, ...]
    notes: tuple[Reason, ...]


def plan(device: Device, standing: Standing) -> Plan:
    """Where the device may belong, and why."""
    site, notes = _site_for(device, standing)
    counting = _counting(device, site)
    here = (
        () if site is None else tuple(c for c in site.main_channels if _stays(c, device, counting, standing))
    )
    silent = all(c.id in standing.silent and c.id not in standing.fed for c in here)
    replaced = here if here and silent and len(here) == len(counting) else ()
    taken = bool(here) and not replaced
    if taken:
        notes.append(Reason("total_there", {"channel": _names(here)}))
    elif not counting:
        notes.append(Reason("no_total"))
    lines = [_line(device, line, site, counting, taken) for line in device.lines]
    for number, (channel, name) in enumerate(zip(replaced, counting, strict=True)) if replaced else ():
        at = next(i for i, line in enumerate(lines) if line.name == name)
        why = Reason("replaces", {"channel": f"{channel.key.meter}/{channel.key.channel}"})
        lines[at] = _as(lines[at], replaced[number], why)
    return Plan(FIRST_SITE if site is None else site.key, tuple(lines), tuple(notes))


def reviewed(
    site: Site | None,
    key: str,
    lines: Sequence[LinePlan],
    fed: frozenset[int] = frozenset(),
    before: Sequence[Channel] = (),
) -> tuple[Reason, ...]:
    """What a person should know about these lines of a device before they are placed at a site.

    key: of the device's own meter. fed: ids of the channels that other lines and devices feed. before: the
    channels that these lines fed until now. Errors: BadInput for lines that would count the same power twice.
    """
    kept = [line for line in lines if line.keep]
    _refuse_twice(kept)
    there = {} if site is None else {(c.key.meter, c.key.channel): c for c in site.channels}
    targets = {there[line.meter, line.channel].id for line in kept if (line.meter, line.channel) in there}
    totals = () if site is None else site.main_channels
    roles = {line.role for line in kept if line.role in ("main", "phase")}
    own = [c for c in totals if c.key.meter == key and c.id not in fed]
    counted_before = [c for c in before if c.role in ("main", "phase")]
    left = {c.id: c for c in (*own, *counted_before) if c.id not in targets}
    others = [c for c in totals if c.id not in targets and c.id not in left]
    joined = roles == {"phase"} and all(c.role == "phase" and c.key.meter == key for c in others)
    notes = []
    if left:
        notes.append(Reason("left_over", {"channel": _names(list(left.values()))}))
    if others and roles and not joined:
        notes.append(Reason("total_there", {"channel": _names(others)}))
    for line in kept:
        known = there.get((line.meter, line.channel))
        if known is not None and known.hold_ms != line.hold_ms:
            held_s = f"{known.hold_ms / 1000:g}"
            notes.append(Reason("hold_kept", {"channel": _names([known]), "s": held_s}))
    if not roles and not others:
        notes.append(Reason("no_total"))
    return tuple(notes)


def _refuse_twice(kept: Sequence[LinePlan]) -> None:
    targets = [(line.meter, line.channel) for line in kept]
    for target in targets:
        if targets.count(target) > 1:
            raise BadInput(f"two lines are to feed {'/'.join(target)}; give each a channel of its own")
    if {"main", "phase"} <= {line.role for line in kept}:
        raise BadInput(
            "a total and its phases would count twice; pass over the total, or the phases, or make one of "
            "them a circuit"
        )


def counted_dw(lines: Sequence[LinePlan], powers_dw: Mapping[str, int | None]) -> int | None:
    """What these lines add to the site's power, 0.1 W, import positive; None while one of them is unknown."""
    counting = [line for line in lines if line.keep and line.role in ("main", "phase")]
    powers = [powers_dw.get(line.name) for line in counting]
    if not counting or None in powers:
        return None
    return sum(-p if line.turned else p for line, p in zip(counting, powers, strict=True) if p is not None)


def alike(powers_dw: Sequence[int], others_dw: Sequence[int]) -> bool:
    """Whether two devices seem to be one that is heard twice: of the powers that one told lately, almost all
    were told by the other, and enough of them were different and clearly not 0."""
    mine, others = ({abs(p) for p in ps if abs(p) > NOISE_DW} for ps in (powers_dw, others_dw))
    fewer, more = sorted((mine, others), key=len)
    return len(fewer) >= LIKENESS and len(fewer & more) * 4 >= len(fewer) * 3


def hold_for(device: Device, interval_ms: int | None) -> int:
    """The hold to suggest, ms: what suits the family, or a slower rhythm if it was heard; whole seconds, at
    most a day."""
    return min(max(math.ceil(device.hold_ms / 1000) * 1000, hold_of_step(interval_ms or 0)), DAY_MS)


def _site_for(device: Device, standing: Standing) -> tuple[Site | None, list[Reason]]:
    """The site that had this device before, else the first without a total, else the first."""
    sites = standing.sites
    if not sites:
        return None, [Reason("site_new")]
    had = [s for s in sites if any(c.key.meter == device.key for c in s.channels)]
    lacking = [s for s in sites if not s.main_channels]
    found = (had or lacking or sites)[0]
    return found, [Reason("site_guess", {"site": found.name})] if len(sites) > 1 and not had else []


def _stays(channel: Channel, device: Device, counting: Sequence[str], standing: Standing) -> bool:
    """Whether this part of the site's total is there besides the device: its own channels are, where lines
    that have their place already feed them; but a phase joins its other phases."""
    if channel.key.meter != device.key:
        return True
    joins = channel.role == "phase" and all(name in PHASES for name in counting)
    return channel.id in standing.fed and not joins


def _counting(device: Device, site: Site | None) -> list[str]:
    """The lines that together are what the device's place takes from the grid."""
    if device.makes:
        return []
    names = [line.name for line in device.lines if _measures(line) and line.name not in _SOLAR]
    phases: list[str] = [name for name in PHASES if name in names]
    if "main" in names and (len(phases) < 2 or _nets(device, site)):
        return ["main"]
    if phases:
        return phases
    return names if len(names) == 1 else []


def _nets(device: Device, site: Site | None) -> bool:
    """Whether a phase gives while another may take: only the total then tells what the meter counts."""
    phases = [line for line in device.lines if line.name in PHASES]
    both = any(_lowest(line) < -NOISE_DW and _highest(line) > NOISE_DW for line in phases)
    return both or (_has_solar(device, site) and any(_lowest(line) < -NOISE_DW for line in phases))


def _line(device: Device, line: Line, site: Site | None, counting: Sequence[str], taken: bool) -> LinePlan:
    if not _measures(line):
        return LinePlan(line.name, keep=False, why=(Reason("no_power"),))
    passed = _passed_over(line, device, counting)
    if passed is not None:
        return LinePlan(line.name, keep=False, why=(passed,))
    role, why = _role(line, device, counting, taken)
    solar = _has_solar(device, site)
    turned, direction = _direction(line, role, solar, device.official)
    if role == "aside":
        total = next(other for other in device.lines if other.name == "main")
        turned, _ = _direction(total, "main", solar, device.official)
    made = LinePlan(
        line.name,
        keep=True,
        meter=device.key,
        channel=f"phase_{line.name}" if line.name in PHASES else line.name,
        role=role,
        hold_ms=hold_for(device, line.interval_ms),
        turned=turned,
        why=(why, *direction),
    )
    there = [] if site is None else [c for c in site.channels if c.key.meter == device.key]
    return next((_as(made, c) for c in there if c.key.channel == made.channel), made)


def _passed_over(line: Line, device: Device, counting: Sequence[str]) -> Reason | None:
    """Why this line is left out beside those that count, if it is."""
    if line.name == "main" and "main" not in counting and counting:
        return Reason("sum_of_phases")
    if line.name in PHASES and "main" in counting:
        nets = len([other for other in device.lines if other.name in PHASES]) > 1
        return Reason("nets_phases" if nets else "part_of_main")
    return None


def _role(line: Line, device: Device, counting: Sequence[str], taken: bool) -> tuple[Role, Reason]:
    if _of_a_sum(line, device):
        return "aside", Reason("aside")
    if line.name in _SOLAR or device.makes:
        return "solar", Reason("makes" if device.makes else "solar")
    if line.name not in counting:
        return "circuit", Reason("circuit")
    if taken:
        return ("plug" if len(device.lines) == 1 else "circuit"), Reason("part")
    return ("phase", Reason("phase")) if line.name in PHASES else ("main", Reason("total"))


def _direction(line: Line, role: Role, solar: bool, official: bool) -> tuple[bool, tuple[Reason, ...]]:
    """Whether to turn the sign round, and what to say about it."""
    if role in ("solar", "aside") or _lowest(line) >= -NOISE_DW:
        return False, ()
    if official:
        return False, (Reason("given"),)
    if _highest(line) > NOISE_DW:
        return False, (Reason("both_ways"),)
    return (False, (Reason("gives"),)) if solar and role in ("main", "phase") else (True, (Reason("turned"),))


def _as(line: LinePlan, channel: Channel, *why: Reason) -> LinePlan:
    """The same line feeding a channel that is there; its hold is what it is."""
    key = channel.key
    known = replace(line, meter=key.meter, channel=key.channel, hold_ms=channel.hold_ms)
    return replace(known, why=(*line.why, *why))


def _of_a_sum(line: Line, device: Device) -> bool:
    """Whether it is a phase ("main-l1") of a device that tells their sum ("main") as well."""
    sums = any(other.name == "main" and _measures(other) for other in device.lines)
    return sums and line.name.startswith("main-")


def _measures(line: Line) -> bool:
    return line.counts or line.lowest_dw is not None


def _has_solar(device: Device, site: Site | None) -> bool:
    here = site is not None and any(c.role == "solar" for c in site.channels)
    return here or device.makes or any(line.name in _SOLAR for line in device.lines)


def _lowest(line: Line) -> int:
    return line.lowest_dw or 0


def _highest(line: Line) -> int:
    return line.highest_dw or 0


def _names(channels: Sequence[Channel]) -> str:
    return ", ".join(f"{c.key.meter}/{c.key.channel}" for c in channels)
