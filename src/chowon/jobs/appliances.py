"""What a site's appliances took, told from its main meter by a model, as parts of its use."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import numpy as np

from chowon.domain.nilm.power import F64, Power
from chowon.domain.nilm.runs import Runs, runs_of
from chowon.domain.part_runs import RunTimes, run_times
from chowon.domain.parts import Part
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS, QUARTER_MS, Bools
from chowon.domain.rollups import Rollup
from chowon.domain.sites import Channel, Site
from chowon.domain.tariff import Text
from chowon.jobs.period_use import PeriodUse
from chowon.models.nilm.nightly import Trusted
from chowon.ports import History

CONTEXT_MS: Final = DAY_MS // 2
"""Seen before the span, so that its beginning is told as well as the rest"""
KEPT: Final = 64
"""Answers kept in memory: a page asks for the same one by three rules"""
_STANDS_STILL: Final = 0.75
"""The share of minutes that are exactly as the one before, from which on a meter is too slow"""
_LEAST_MINUTES: Final = 60
_DW_PER_W: Final = 10

Why = Literal["off", "slow", "silent"]


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
    """When each ran, by the part's name; not of what runs day and night"""
    f1: Mapping[str, float]
    """How well each is told in homes that the model never saw, by the part's name"""
    why: Why | None


TOLD_NOTHING: Final = TellingParts((), {}, {}, "off")


class Telling:
    """Tells the appliances of sites; keeps the last answers as long as what was measured stays the same."""

    def __init__(self, model: Callable[[], tuple[Told, Mapping[str, Trusted]]]) -> None:
        """model: called once, when it is first needed: the model, and the kinds it is trusted with."""
        self._model = model
        self._loaded: tuple[Told, Mapping[str, Trusted]] | None = None
        self._kept: OrderedDict[tuple[int, ...], Appliances] = OrderedDict()
        self._lock = threading.Lock()

    def parts(self, history: History, site: Site, use: PeriodUse, metered: Sequence[Part]) -> TellingParts:
        """The appliances behind the main meter in the whole quarters of a period that are over.

        Without what has a meter of its own. Errors: StoreUnavailable.
        """
        grid = use.profile.grid
        over = (use.until_ms - grid.start_ms) // QUARTER_MS
        told = self._appliances(history, site, grid.start_ms, grid.start_ms + over * QUARTER_MS, use, metered)
        kinds = self._kinds()
        return TellingParts(
            tuple(_part(one, kinds[one.kind].label, over, len(use.profile)) for one in told.found),
            {
                _part_name(one.kind): run_times(one.power, one.runs)
                for one in told.found
                if not kinds[one.kind].standing
            },
            {_part_name(one.kind): kinds[one.kind].f1 for one in told.found},
            told.why,
        )

    def by_minute(self, history: History, site: Site, from_ms: int, to_ms: int) -> dict[str, Power]:
        """The power of each kind in whole minutes, where the model can tell; else nothing.

        Errors: StoreUnavailable.
        """
        kinds = self._kinds_of(site)
        mains = _unmeasured_mains(history, site, from_ms, to_ms)
        if not kinds or _why_not(mains) is not None or self._loaded is None:
            return {}
        with self._lock:
            return self._loaded[0].disaggregate(mains, kinds)

    def _appliances(
        self,
        history: History,
        site: Site,
        from_ms: int,
        to_ms: int,
        use: PeriodUse,
        metered: Sequence[Part],
    ) -> Appliances:
        quarters = (to_ms - from_ms) // QUARTER_MS
        measured = [use.profile.import_energy, use.known_ms, *(part.taken for part in metered)]
        seen = b"".join(column[:quarters].tobytes() for column in measured)
        key = (site.id, from_ms, to_ms, hash(seen), hash(site.without))
        with self._lock:  # one at a time: each takes a core
            if key not in self._kept:
                mains = _unmeasured_mains(history, site, from_ms - CONTEXT_MS, to_ms)
                why = _why_not(mains)
                self._kept[key] = (
                    Appliances((), why) if why else self._tell(mains, self._kinds_of(site), from_ms, to_ms)
                )
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _kinds(self) -> Mapping[str, Trusted]:
        if self._loaded is None:
            self._loaded = self._model()
        return self._loaded[1]

    def _kinds_of(self, site: Site) -> list[str]:
        """Those that the site may have."""
        return [kind for kind in self._kinds() if kind not in site.without]

    def _tell(self, mains: Power, kinds: list[str], from_ms: int, to_ms: int) -> Appliances:
        assert self._loaded is not None
        told = self._loaded[0].disaggregate(mains, kinds) if kinds else {}
        within = slice((from_ms - mains.start_ms) // MINUTE_MS, (to_ms - mains.start_ms) // MINUTE_MS)
        found = []
        for kind, power in told.items():
            inner = Power(from_ms, MINUTE_MS, power.power_w[within], power.known[within])
            if inner.power_w.any():
                found.append(Appliance(kind, inner, runs_of(inner.power_w > 0)))
        return Appliances(tuple(found))


def _unmeasured_mains(history: History, site: Site, from_ms: int, to_ms: int) -> Power:
    """What the main meter took less what other meters did, by minute."""
    channels = [*site.main_channels, *site.part_channels]
    rows = history.rollup([channel.id for channel in channels], from_ms, to_ms, "1min", site.timezone)
    n = (to_ms - from_ms) // MINUTE_MS
    power_w, known = np.zeros(n), np.full(n, bool(site.main_channels))
    for channel in site.main_channels:
        theirs_w, theirs_known = _minutes(rows, channel, from_ms, n)
        power_w, known = power_w + theirs_w, known & theirs_known
    for channel in site.part_channels:
        theirs_w, _ = _minutes(rows, channel, from_ms, n)
        # A roof's meter may count either way round: what it gives is used in the home.
        power_w = power_w + (np.abs(theirs_w) if channel.role == "solar" else -theirs_w)
    return Power(from_ms, MINUTE_MS, np.where(known, power_w, 0.0), known)


def _minutes(rows: Rollup, channel: Channel, from_ms: int, n: int) -> tuple[F64, Bools]:
    """((n,) mean W of a channel, (n,) whether samples stand for half of the minute); 0 where unknown."""
    mine = rows.channel == channel.id
    place = (rows.start_ms[mine] - from_ms) // MINUTE_MS
    power_w, known = np.zeros(n), np.zeros(n, np.bool_)
    heard = rows.covered_ms[mine] * 2 >= MINUTE_MS
    net_dwms = (rows.import_dwms - rows.export_dwms)[mine]
    power_w[place] = np.where(heard, net_dwms / (np.maximum(rows.known_ms[mine], 1) * _DW_PER_W), 0.0)
    known[place] = heard
    return power_w, known


def _why_not(mains: Power) -> Why | None:
    power_w = mains.power_w[mains.known]
    if len(power_w) < _LEAST_MINUTES:
        return "silent"
    return "slow" if float((np.diff(power_w) == 0).mean()) > _STANDS_STILL else None


def _part_name(kind: str) -> str:
    """No meter's part is called so: theirs is METER/CHANNEL, and no meter's name is empty."""
    return f"/{kind}"


def _part(one: Appliance, label: Text, over: int, quarters: int) -> Part:
    """over: quarters that were told, of as many as the period has so far."""
    per_quarter = QUARTER_MS // MINUTE_MS
    later = quarters - over
    taken: I64 = np.round(one.power.power_w * _DW_PER_W * MINUTE_MS).astype(np.int64)
    known_ms: I64 = one.power.known.astype(np.int64) * MINUTE_MS
    return Part(
        _part_name(one.kind),
        label,
        "detected",
        np.pad(taken.reshape(over, per_quarter).sum(axis=1), (0, later)),
        np.zeros(quarters, np.int64),
        np.pad(known_ms.reshape(over, per_quarter).sum(axis=1), (0, later)),
    )
