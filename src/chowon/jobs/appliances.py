"""What a site's appliances took, told from its main meter by a model, as parts of its use."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import Runs, runs_of
from chowon.domain.part_runs import RunTimes, run_times
from chowon.domain.parts import Part
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS, QUARTER_MS
from chowon.domain.sites import Channel, Site
from chowon.domain.tariff import Text
from chowon.jobs.period_use import PeriodUse
from chowon.ports import History

CONTEXT_MS: Final = DAY_MS // 2
"""Seen before and after the span, so that its ends are told as well as its middle"""
KEPT: Final = 64
"""Answers kept in memory: a page asks for the same one by three rules"""
_STANDS_STILL: Final = 0.75
"""The share of minutes that are exactly as the one before, from which on a meter is too slow"""
_LEAST_MINUTES: Final = 60
_DW_PER_W: Final = 10

Why = Literal["slow", "silent"]


class Told(Protocol):
    """A model that has learnt (models.nilm.interface.Disaggregator)."""

    def disaggregate(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """The power of each kind on the grid of `mains`."""


@dataclass(frozen=True, slots=True, eq=False)
class Appliance:
    """One kind of appliance of a site, told and not measured."""

    kind: str
    power: Power
    """By minute"""
    runs: Runs
    """By minute of `power`"""


@dataclass(frozen=True, slots=True, eq=False)
class Appliances:
    """What was told of a span."""

    found: tuple[Appliance, ...]
    """Those that took anything"""
    why: Why | None = None
    """Why nothing can be told: the meter is too slow, or it was silent"""


@dataclass(frozen=True, slots=True)
class TellingParts:
    """What was told of a period, as parts of its use."""

    parts: tuple[Part, ...]
    runs: Mapping[str, RunTimes]
    """When each ran, by the part's name"""
    why: Why | None


TOLD_NOTHING: Final = TellingParts((), {}, None)


class Telling:
    """Tells the appliances of sites; keeps the last answers as long as what was measured stays the same."""

    def __init__(self, model: Callable[[], tuple[Told, Mapping[str, Text]]]) -> None:
        """model: called once, when it is first needed: the model, and the kinds it is trusted with."""
        self._model = model
        self._loaded: tuple[Told, Mapping[str, Text]] | None = None
        self._kept: OrderedDict[tuple[int, ...], Appliances] = OrderedDict()
        self._lock = threading.Lock()

    def appliances(self, history: History, site: Site, from_ms: int, to_ms: int) -> Appliances:
        """The appliances behind the main meter, without what other meters of the site measure by themselves.

        [from_ms, to_ms): whole minutes. Errors: StoreUnavailable.
        """
        mains = _unmeasured_mains(history, site, from_ms - CONTEXT_MS, to_ms + CONTEXT_MS)
        why = _why_not(mains)
        if why is not None:
            return Appliances((), why)
        key = (site.id, from_ms, to_ms, hash(mains.power_w.tobytes()), hash(mains.known.tobytes()))
        with self._lock:  # one at a time: each takes a core
            if key not in self._kept:
                self._kept[key] = self._tell(mains, from_ms, to_ms)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def parts(self, history: History, site: Site, use: PeriodUse) -> TellingParts:
        """The appliances as parts of a period's use. Errors: StoreUnavailable."""
        grid = use.profile.grid
        told = self.appliances(history, site, grid.start_ms, grid.end_ms)
        return TellingParts(
            tuple(_part(one, self._names()[one.kind], len(use.profile)) for one in told.found),
            {_part_name(one.kind): run_times(one.power, one.runs) for one in told.found},
            told.why,
        )

    def _names(self) -> Mapping[str, Text]:
        if self._loaded is None:
            self._loaded = self._model()
        return self._loaded[1]

    def _tell(self, mains: Power, from_ms: int, to_ms: int) -> Appliances:
        kinds = list(self._names())
        assert self._loaded is not None
        told = self._loaded[0].disaggregate(mains, kinds)
        within = slice((from_ms - mains.start_ms) // MINUTE_MS, (to_ms - mains.start_ms) // MINUTE_MS)
        found = []
        for kind, power in told.items():
            inner = Power(from_ms, MINUTE_MS, power.power_w[within], power.known[within])
            if inner.power_w.any():
                found.append(Appliance(kind, inner, runs_of(inner.power_w > 0)))
        return Appliances(tuple(found))


def _unmeasured_mains(history: History, site: Site, from_ms: int, to_ms: int) -> Power:
    """What the main meter took less what other meters did, by minute."""
    mains = _minutes(history, site, site.main_channels, from_ms, to_ms)
    power_w, known = mains.power_w, mains.known
    for channel in site.part_channels:
        part = _minutes(history, site, [channel], from_ms, to_ms)
        given = (
            channel.role == "solar" and part.power_w.sum() > 0
        )  # a roof's meter may count either way round
        power_w = power_w - np.where(part.known, -part.power_w if given else part.power_w, 0.0)
    return Power(from_ms, MINUTE_MS, np.where(known, power_w, 0.0), known)


def _minutes(history: History, site: Site, channels: Sequence[Channel], from_ms: int, to_ms: int) -> Power:
    """The sum of channels by minute: known where samples of each stand for half of the minute."""
    n = (to_ms - from_ms) // MINUTE_MS
    net_dwms, least_ms = np.zeros(n, np.int64), np.full(n, MINUTE_MS if channels else 0, np.int64)
    rows = history.rollup([channel.id for channel in channels], from_ms, to_ms, "1min", site.timezone)
    for channel in channels:
        mine = rows.channel == channel.id
        place = (rows.start_ms[mine] - from_ms) // MINUTE_MS
        covered_ms = np.zeros(n, np.int64)
        covered_ms[place] = rows.covered_ms[mine]
        least_ms = np.minimum(least_ms, covered_ms)
        mean_dwms = (
            (rows.import_dwms - rows.export_dwms)[mine] * MINUTE_MS / np.maximum(rows.known_ms[mine], 1)
        )
        net_dwms[place] += np.round(mean_dwms).astype(np.int64)
    known = least_ms * 2 >= MINUTE_MS
    return Power(from_ms, MINUTE_MS, np.where(known, net_dwms / (MINUTE_MS * _DW_PER_W), 0.0), known)


def _why_not(mains: Power) -> Why | None:
    power_w = mains.power_w[mains.known]
    if len(power_w) < _LEAST_MINUTES:
        return "silent"
    return "slow" if float((np.diff(power_w) == 0).mean()) > _STANDS_STILL else None


def _part_name(kind: str) -> str:
    """No meter's part is called so: theirs is METER/CHANNEL, and no meter's name is empty."""
    return f"/{kind}"


def _part(one: Appliance, label: Text, quarters: int) -> Part:
    per_quarter = QUARTER_MS // MINUTE_MS
    taken: I64 = np.round(one.power.power_w * _DW_PER_W * MINUTE_MS).astype(np.int64)
    known_ms: I64 = one.power.known.astype(np.int64) * MINUTE_MS
    return Part(
        _part_name(one.kind),
        label,
        "detected",
        taken.reshape(quarters, per_quarter).sum(axis=1),
        np.zeros(quarters, np.int64),
        known_ms.reshape(quarters, per_quarter).sum(axis=1),
    )
