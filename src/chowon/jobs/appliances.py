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
from chowon.domain.nilm.witnessed import LEAST_TAUGHT, Witnessed, mark_of_seen
from chowon.domain.part_runs import RunTimes, run_times
from chowon.domain.parts import Part
from chowon.domain.quantities import DAY_MS, I64, MINUTE_MS, QUARTER_MS
from chowon.domain.sites import Site
from chowon.domain.tariff import Text
from chowon.jobs.mains import Why, unmeasured_mains, why_not
from chowon.jobs.period_use import PeriodUse
from chowon.jobs.witnessed import Lesson, Taught, lesson
from chowon.models.nilm.interface import LearnsHome
from chowon.models.nilm.nightly import Trusted
from chowon.ports import History, ToldDays, WitnessBook

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


@dataclass(frozen=True, slots=True, eq=False)
class Here:
    """How one site is told."""

    site_id: int
    kinds: tuple[str, ...]
    """Those that are looked for"""
    lesson: Lesson | None
    """What the model learns of the site before it tells; None where nobody saw anything run"""


@dataclass(frozen=True, slots=True)
class Teachable:
    """A kind that runs which people saw can teach, as it stands with a site."""

    kind: str
    needed: int
    """So many more runs make it told here; 0 where it is told without them, too"""
    told: bool


class Telling:
    """Tells the appliances of sites, and says what nights have told before of days that are over.

    Keeps the last answers as long as what was measured, seen by people and told by nights stays the same.
    """

    def __init__(
        self,
        model: Callable[[], tuple[Told, Mapping[str, Trusted]]],
        nights: ToldDays | None = None,
        witnessed: WitnessBook | None = None,
    ) -> None:
        """model: called once, when it is first needed: the model, and the kinds that people may be told of.

        nights: what was told of days and is written down; without it all is told anew. witnessed: what
        people saw run in the sites; without it all are told alike.
        """
        self._model, self._nights, self._witnessed = model, nights, witnessed
        self._loaded: tuple[Told, Mapping[str, Trusted]] | None = None
        self._taught = Taught()
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
            {_part_name(one.kind): f1 for one in told.found if (f1 := kinds[one.kind].f1) is not None},
            told.why,
        )

    def by_minute(self, history: History, site: Site, from_ms: int, to_ms: int) -> dict[str, Power]:
        """The power of each kind in whole minutes, where the model can tell; else nothing.

        Errors: StoreUnavailable.
        """
        mains = unmeasured_mains(history, site, from_ms, to_ms)
        return {} if why_not(mains) else self.tell(self.here(history, site), mains)

    def here(self, history: History, site: Site) -> Here:
        """How this site is told now. Errors: StoreUnavailable."""
        seen = self._seen(site.id)
        taught = lesson(history, site, seen) if seen else None
        runs = {} if taught is None else taught.ran
        kinds = (
            kind
            for kind, one in self._kinds().items()
            if kind not in site.without and (not one.once_seen or len(runs.get(kind, ())) >= LEAST_TAUGHT)
        )
        return Here(site.id, tuple(kinds), taught)

    def tell(self, here: Here, mains: Power) -> dict[str, Power]:
        """What the model says of these mains, in whole 0.1 W, one question at a time: each takes a core."""
        if not here.kinds:
            return {}
        with self._lock:
            told = self._told_by(here).disaggregate(mains, here.kinds)
        return {kind: rounded(power) for kind, power in told.items()}

    def mark(self, site_id: int) -> str:
        """8 characters for what people saw run in the site, where the model learns of it; else none."""
        return mark_of_seen(self._seen(site_id))

    def teachable(self, history: History, site: Site) -> list[Teachable]:
        """The kinds that people can teach in this site. Errors: StoreUnavailable."""
        here, kinds = self.here(history, site), self._kinds()
        runs = {} if here.lesson is None else here.lesson.ran
        return [
            Teachable(
                kind,
                max(0, LEAST_TAUGHT - len(runs.get(kind, ()))) if kinds[kind].once_seen else 0,
                kind in here.kinds,
            )
            for kind in self.teachable_kinds()
        ]

    def teachable_kinds(self) -> list[str]:
        """The same, of any site; none where the model cannot learn."""
        learner, kinds = self._learner(), self._kinds()
        return [] if learner is None else [kind for kind in learner.teachable() if kind in kinds]

    def _seen(self, site_id: int) -> list[Witnessed]:
        """What people saw of the kinds that the model can be taught."""
        kept = [] if self._witnessed is None else self._witnessed.of(site_id)
        kinds = self.teachable_kinds() if kept else []
        return [one.witnessed for one in kept if one.witnessed.kind in kinds]

    def _told_by(self, here: Here) -> Told:
        learner = None if here.lesson is None else self._learner()
        if here.lesson is None or learner is None:
            return self._load()[0]
        return self._taught.of(learner, here.site_id, here.lesson)

    def _learner(self) -> LearnsHome | None:
        model = self._load()[0]
        return model if isinstance(model, LearnsHome) else None

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
            taught = hash(self.mark(site.id))
            key = (site.id, from_ms, to_ms, hash(seen), hash(site.without), told, taught)
            if key not in self._kept:
                begin_ms = min(from_ms - CONTEXT_MS, to_ms - KNOWN_BY_MS)
                mains = unmeasured_mains(history, site, begin_ms, to_ms)
                why = why_not(mains)
                power = {} if why else self._of_span(self.here(history, site), use, mains, from_ms, stood)
                self._kept[key] = Appliances(_found(power), why)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _kinds(self) -> Mapping[str, Trusted]:
        return self._load()[1]

    def _load(self) -> tuple[Told, Mapping[str, Trusted]]:
        if self._loaded is None:
            self._loaded = self._model()
        return self._loaded

    def _stood(self, site: Site, use: PeriodUse) -> dict[date, ToldDay]:
        """What nights told of the days of a period."""
        if self._nights is None:
            return {}
        return newest(self._nights.days(site.id, use.period.start, use.period.end))

    def _of_span(
        self, here: Here, use: PeriodUse, mains: Power, from_ms: int, stood: Mapping[date, ToldDay]
    ) -> dict[str, Power]:
        """Each kind from `from_ms` to the end of the mains: what nights told, and the rest told now."""
        to_ms = mains.start_ms + len(mains) * MINUTE_MS
        days = _days_that_stand(stood, use, mains, from_ms, here.kinds)
        power: dict[str, Power] = {}
        if sum(end_ms - start_ms for start_ms, end_ms in days) < to_ms - from_ms:
            told = self.tell(here, mains)
            power = {kind: minutes_of(one, from_ms, to_ms) for kind, one in told.items()}
        if days and self._nights is not None:
            kept = self._nights.minutes(here.site_id, from_ms, to_ms)
            for kind in here.kinds:
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
