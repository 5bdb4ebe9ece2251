"""What homes teach, taken apart so that it can be put together anew: runs, whole traces, and what is left.

A home is any labelled home on the network's grid; a plug is a home whose mains nobody measured, on the same
grid or a finer one that divides it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from chowon.domain.nilm.power import Home, Power
from chowon.domain.nilm.runs import OnRule, runs_by_rule, runs_of, states
from chowon.domain.quantities import HOUR_MS, I64, Bools
from chowon.models.nilm.network.kinds import lessons

F32: TypeAlias = NDArray[np.float32]

LONGEST_RUN_MS: Final = 6 * HOUR_MS
"""A longer stretch of being on is a fault of the plug or no run"""
LEAST_TRACE_MS: Final = 2 * HOUR_MS
_OTHER_ON_W: Final = 15.0
_OTHER_LEAST_W: Final = 60.0
_OTHER_RARE: Final = 0.2
"""Other loads that are on for less of the time are taken run by run"""
_WINDOW_KNOWN: Final = 0.9
_EVERY: Final = 64
"""Windows of a home begin at every so many intervals, and up to as many later"""


@dataclass(frozen=True, slots=True, eq=False)
class Device:
    """Runs of one appliance that was measured somewhere."""

    step_ms: int
    runs: tuple[F32, ...]
    """Each (n,) W, with one interval before and after where these are known"""


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """Stretches of one appliance that runs day and night."""

    step_ms: int
    stretches: tuple[F32, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A home with real mains."""

    mains_w: F32
    """(n,) 0 where unknown"""
    rest_w: F32
    """(n,) the mains less its measured appliances, 0 or more"""
    known: Bools
    """(n,) mains and all measured appliances are"""
    measured: Bools
    """(kinds,) which kinds were measured in it; of the others nobody knows"""
    power_w: F32
    """(kinds, n)"""
    on: Bools
    """(kinds, n) by the rule"""
    starts: I64
    """Where windows may begin that are nearly whole"""


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All that was learnt from, on the network's grid or finer."""

    kinds: tuple[str, ...]
    """Those that at least one home or plug teaches"""
    step_ms: int
    window: int
    rules: Mapping[str, OnRule]
    devices: Mapping[str, tuple[Device, ...]]
    traces: Mapping[str, tuple[Trace, ...]]
    """By kind, or by name for other loads"""
    others: tuple[Device, ...]
    backgrounds: tuple[Background, ...]


def library(homes: Sequence[Home], rules: Mapping[str, OnRule], step_ms: int, window: int) -> Library:
    """Homes and plugs taken apart. window: intervals of a lesson."""
    devices: dict[str, list[Device]] = {}
    traces: dict[str, list[Trace]] = {}
    others: list[Device] = []
    for home in homes:
        for kind, power in _taught(home, rules):
            if lessons()[kind].standing:
                _keep(traces, kind, _trace(power))
            else:
                _keep(devices, kind, _device(power, rules[kind]))
        for name, power in home.others.items():
            rare = _on_share(power) < _OTHER_RARE
            _keep(traces, name, _trace(power))
            found = _other_runs(power) if rare else None
            others += [found] if found else []
    measured = {kind for home in homes for kind, _ in _taught(home, rules)}
    kinds = tuple(k for k in lessons() if k in measured and (k in devices or k in traces))
    whole = [home for home in homes if home.mains.step_ms == step_ms and home.mains.known.any()]
    return Library(
        kinds,
        step_ms,
        window,
        rules,
        {name: tuple(found) for name, found in devices.items()},
        {name: tuple(found) for name, found in traces.items()},
        tuple(others),
        tuple(b for b in (_background(home, kinds, rules, window) for home in whole) if len(b.starts)),
    )


def _taught(home: Home, rules: Mapping[str, OnRule]) -> Iterator[tuple[str, Power]]:
    known = lessons()
    return ((kind, power) for kind, power in home.appliances.items() if kind in known and kind in rules)


def _keep(into: dict[str, list], name: str, found: Device | Trace | None) -> None:  # type: ignore[type-arg]
    if found is not None:
        into.setdefault(name, []).append(found)


def _device(power: Power, rule: OnRule) -> Device | None:
    runs = runs_by_rule(power, rule)
    short = (runs.end - runs.start) * power.step_ms <= LONGEST_RUN_MS
    return _cut(power, runs.start[short], runs.end[short])


def _other_runs(power: Power) -> Device | None:
    runs = runs_of(power.known & (power.power_w > _OTHER_ON_W))
    kept = (runs.end - runs.start) * power.step_ms <= LONGEST_RUN_MS
    found = _cut(power, runs.start[kept], runs.end[kept])
    if found is None:
        return None
    strong = tuple(run for run in found.runs if run.max() > _OTHER_LEAST_W)
    return Device(found.step_ms, strong) if strong else None


def _cut(power: Power, starts: I64, ends: I64) -> Device | None:
    runs = []
    for start, end in zip(np.maximum(starts - 1, 0).tolist(), (ends + 1).tolist(), strict=True):
        if power.known[start:end].all():
            runs.append(power.power_w[start:end].astype(np.float32))
    return Device(power.step_ms, tuple(runs)) if runs else None


def _trace(power: Power) -> Trace | None:
    heard = runs_of(power.known)
    long = (heard.end - heard.start) * power.step_ms >= LEAST_TRACE_MS
    ends = zip(heard.start[long].tolist(), heard.end[long].tolist(), strict=True)
    found = tuple(power.power_w[start:end].astype(np.float32) for start, end in ends)
    return Trace(power.step_ms, found) if found else None


def _on_share(power: Power) -> float:
    return float((power.power_w[power.known] > _OTHER_ON_W).mean()) if power.known.any() else 0.0


def _background(home: Home, kinds: Sequence[str], rules: Mapping[str, OnRule], window: int) -> Background:
    n = len(home.mains)
    known = home.mains.known.copy()
    whole = np.zeros(n)
    for power in home.appliances.values():
        known &= power.known
        whole += power.power_w
    power_w = np.zeros((len(kinds), n), np.float32)
    on = np.zeros((len(kinds), n), np.bool_)
    measured = np.array([kind in home.appliances for kind in kinds])
    for i in np.flatnonzero(measured).tolist():
        theirs, rule = home.appliances[kinds[i]], rules[kinds[i]]
        bounded = np.where(known, np.minimum(theirs.power_w, rule.most_w), 0.0)
        power_w[i] = bounded
        runs = runs_by_rule(Power(home.mains.start_ms, home.mains.step_ms, bounded, known), rule)
        on[i] = states(n, runs)
    mains_w = np.where(known, np.maximum(home.mains.power_w, 0.0), 0.0)
    rest_w = np.where(known, np.maximum(home.mains.power_w - whole, 0.0), 0.0)
    heard = np.concatenate([[0], np.cumsum(known)])
    starts = np.arange(0, max(0, n - window - _EVERY), _EVERY, dtype=np.int64)
    starts = starts[heard[starts + window] - heard[starts] >= _WINDOW_KNOWN * window]
    return Background(
        mains_w.astype(np.float32), rest_w.astype(np.float32), known, measured, power_w, on, starts
    )
