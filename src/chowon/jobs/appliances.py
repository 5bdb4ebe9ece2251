"""What a site's appliances took, told from its main meter by a model, as parts of its use."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final, Protocol

import numpy as np

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.runs import Runs, runs_of
from chowon.domain.nilm.told import ToldDay, mark_of, minutes_of, newest, rounded
from chowon.domain.part_runs import RunTimes, run_times
from chowon.domain.parts import Part
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS, QUARTER_MS
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.jobs.mains import Why, unmeasured_mains, why_not
from chowon.jobs.period_use import PeriodUse
from chowon.models.nilm.nightly import Trusted
from chowon.ports import History, ToldDays

CONTEXT_MS: Final = DAY_MS // 2
"""Seen before the span, so that its beginning is told as well as the rest"""
KNOWN_BY_MS: Final = 31 * DAY_MS
"""So much is looked at at least, so that the first days of a month are told by what the home has"""
KEPT: Final = 64
"""Answers kept in memory: a page asks for the same one by three rules"""
_DW_PER_W: Final = 10


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
    """Tells the appliances of sites, and says what nights have told before of days that are over.

    Keeps the last answers as long as what was measured and what nights told stays the same.
    """

    def __init__(
        self, model: Callable[[], tuple[Told, Mapping[str, Trusted]]], nights: ToldDays | None = None
    ) -> None:
        """model: called once, when it is first needed: the model, and the kinds it is trusted with.

        nights: what was told of days and is written down; without it all is told anew.
        """
        self._model, self._nights = model, nights
        self._loaded: tuple[Told, Mapping[str, Trusted]] | None = None
        self._kept: OrderedDict[tuple[int, ...], Appliances] = OrderedDict()
        self._lock = threading.RLock()

    def parts(self, history: History, site: Site, use: PeriodUse, metered: Sequence[Part]) -> TellingParts:
        """The appliances behind the main meter in the whole quarters of a period that are over.

        Without what has a meter of its own. Errors: StoreUnavailable, Damaged.
        """
        grid = use.profile.grid
        over = (use.until_ms - grid.start_ms) // QUARTER_MS
        told = self._appliances(history, site, use, over, metered)
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
        kinds = self.kinds_of(site)
        mains = unmeasured_mains(history, site, from_ms, to_ms)
        return self.tell(mains, kinds) if kinds and why_not(mains) is None else {}

    def kinds_of(self, site: Site) -> list[str]:
        """Those that are looked for in the site."""
        return [kind for kind in self._kinds() if kind not in site.without]

    def tell(self, mains: Power, kinds: Sequence[str]) -> dict[str, Power]:
        """What the model says of these mains, in whole 0.1 W, one question at a time: each takes a core."""
        with self._lock:
            self._kinds()
            assert self._loaded is not None
            told = self._loaded[0].disaggregate(mains, kinds) if kinds else {}
        return {kind: rounded(power) for kind, power in told.items()}

    def _appliances(
        self, history: History, site: Site, use: PeriodUse, over: int, metered: Sequence[Part]
    ) -> Appliances:
        """over: the quarters of the period that are told."""
        from_ms = use.profile.grid.start_ms
        to_ms = from_ms + over * QUARTER_MS
        measured = [use.profile.import_energy, use.known_ms, *(part.taken for part in metered)]
        seen = b"".join(column[:over].tobytes() for column in measured)
        with self._lock:  # one at a time: each takes a core
            stood = self._stood(site, use)
            told = hash(tuple((day, one.told_ms) for day, one in stood.items()))
            key = (site.id, from_ms, to_ms, hash(seen), hash(site.without), told)
            if key not in self._kept:
                begin_ms = min(from_ms - CONTEXT_MS, to_ms - KNOWN_BY_MS)
                mains = unmeasured_mains(history, site, begin_ms, to_ms)
                why = why_not(mains)
                power = {} if why else self._of_span(site, use, mains, from_ms, stood)
                self._kept[key] = Appliances(_found(power), why)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _kinds(self) -> Mapping[str, Trusted]:
        if self._loaded is None:
            self._loaded = self._model()
        return self._loaded[1]

    def _stood(self, site: Site, use: PeriodUse) -> dict[date, ToldDay]:
        """What nights told of the days of a period."""
        if self._nights is None:
            return {}
        return newest(self._nights.days(site.id, use.period.start, use.period.end))

    def _of_span(
        self, site: Site, use: PeriodUse, mains: Power, from_ms: int, stood: Mapping[date, ToldDay]
    ) -> dict[str, Power]:
        """Each kind from `from_ms` to the end of the mains: what nights told, and the rest told now."""
        kinds, to_ms = self.kinds_of(site), mains.start_ms + len(mains) * MINUTE_MS
        days = _days_that_stand(stood, use, mains, from_ms, kinds)
        power: dict[str, Power] = {}
        if sum(end_ms - start_ms for start_ms, end_ms in days) < to_ms - from_ms:
            told = self.tell(mains, kinds)
            power = {kind: minutes_of(one, from_ms, to_ms) for kind, one in told.items()}
        if days and self._nights is not None:
            kept = self._nights.minutes(site.id, from_ms, to_ms)
            for kind in kinds:
                power[kind] = _with_days(power.get(kind), kept.get(kind), mains, from_ms, days)
        return power


def _days_that_stand(
    stood: Mapping[date, ToldDay], use: PeriodUse, mains: Power, from_ms: int, kinds: Sequence[str]
) -> list[tuple[int, int]]:
    """[start, end) of the days that a night told of these very mains, all these kinds.

    Other weights than those of now may have told them: what was said stands until a night says otherwise.
    """
    to_ms = mains.start_ms + len(mains) * MINUTE_MS
    found = []
    for n, (start_ms, end_ms) in enumerate(pairwise(use.day_starts_ms.tolist())):
        told = stood.get(use.period.start + timedelta(days=n))
        if told is None or end_ms > to_ms or start_ms < from_ms or not set(kinds) <= told.took.keys():
            continue
        if told.mains == mark_of(minutes_of(mains, start_ms, end_ms)):
            found.append((start_ms, end_ms))
    return found


def _with_days(
    told: Power | None, kept: Power | None, mains: Power, from_ms: int, days: Sequence[tuple[int, int]]
) -> Power:
    """A kind as it is told now, but on these days as it was kept; nothing is kept of what took nothing."""
    known = minutes_of(mains, from_ms, mains.start_ms + len(mains) * MINUTE_MS).known
    power_w = np.zeros(len(known)) if told is None else told.power_w.copy()
    for start_ms, end_ms in days:
        day = slice((start_ms - from_ms) // MINUTE_MS, (end_ms - from_ms) // MINUTE_MS)
        power_w[day] = 0.0 if kept is None else kept.power_w[day]
    return Power(from_ms, MINUTE_MS, power_w, known)


def _found(power: Mapping[str, Power]) -> tuple[Appliance, ...]:
    """Those that took anything, with their runs."""
    return tuple(
        Appliance(kind, one, runs_of(one.power_w > 0)) for kind, one in power.items() if one.power_w.any()
    )


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
