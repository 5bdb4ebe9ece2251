"""What people saw run in a site, as a model is taught it: the mains around it, and intervals of these."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from chowon.domain.nilm.power import LEAST_KNOWN, Power
from chowon.domain.nilm.runs import Runs
from chowon.domain.nilm.told import mark_of
from chowon.domain.nilm.witnessed import Witnessed, still_teaching
from chowon.domain.quantities import DAY_MS, HOUR_MS, I64, MINUTE_MS
from chowon.domain.sites import Site
from chowon.jobs.mains import unmeasured_mains
from chowon.models.nilm.interface import Disaggregator, LearnsHome
from chowon.ports import History

NEAR_MS: Final = DAY_MS // 2
"""So much before and after a run bears on what is learnt from it"""
MONTH_DAYS: Final = 31
"""Up to the newest run a home is seen so long, whatever ran"""
MOST_DAYS: Final = 92
"""So many days are looked at; runs on others, the oldest ones, teach nothing any more"""
HEARD_MS: Final = 6 * HOUR_MS
"""While the day of the newest run goes on, it is learnt anew so often and no oftener"""
HOMES: Final = 64
"""What was learnt of so many homes is kept in memory"""
_DAY_MIN: Final = DAY_MS // MINUTE_MS


@dataclass(frozen=True, slots=True, eq=False)
class Lesson:
    """What one home teaches."""

    mains: Power
    """Whole days in their order, by minute, side by side though others may have come between them"""
    ran: Mapping[str, Runs]
    """By kind, in intervals of `mains`"""
    not_ran: Mapping[str, Runs]


def lesson(history: History, site: Site, seen: Sequence[Witnessed]) -> Lesson | None:
    """What these runs teach; None where they teach nothing: the meter was silent. Errors: StoreUnavailable.

    It follows from the runs and the readings around them alone, whenever it is asked for.
    """
    seen = still_teaching(seen)
    if not seen:
        return None
    days = _days(seen)
    newest_ms = max(one.end_ms for one in seen)
    mains = _heard(_side_by_side(history, site, days), _place(days, newest_ms - MINUTE_MS) + 1)
    there = set(days.tolist())
    said: dict[bool, dict[str, list[tuple[int, int]]]] = {True: {}, False: {}}
    for one in sorted(seen, key=lambda one: (one.kind, one.start_ms, one.end_ms)):
        if not {one.start_ms // DAY_MS, (one.end_ms - 1) // DAY_MS} <= there:
            continue
        start, end = _place(days, one.start_ms), _place(days, one.end_ms - MINUTE_MS) + 1
        if mains.known[start:end].mean() >= LEAST_KNOWN:
            said[one.ran].setdefault(one.kind, []).append((start, end))
    if not any(said.values()):
        return None
    return Lesson(mains, _as_runs(said[True]), _as_runs(said[False]))


class Taught:
    """What a model has learnt of homes: the newest `HOMES`. Not for several threads at once."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[object, Disaggregator]] = OrderedDict()

    def of(self, model: LearnsHome, site_id: int, lesson: Lesson) -> Disaggregator:
        """The model as this lesson taught it, which is done once."""
        learnt_from = _mark(lesson)
        kept = self._kept.get(site_id)
        if kept is None or kept[0] != learnt_from:
            kept = learnt_from, model.taught(lesson.mains, lesson.ran, lesson.not_ran)
        self._kept[site_id] = kept
        self._kept.move_to_end(site_id)
        if len(self._kept) > HOMES:
            self._kept.popitem(last=False)
        return kept[1]


def _days(seen: Sequence[Witnessed]) -> I64:
    """(d,) days since 1970, UTC, rising: a month up to the newest run, and those around older ones."""
    newest_first = sorted(seen, key=lambda one: (one.end_ms, one.start_ms, one.kind), reverse=True)
    last = _around(newest_first[0]).stop
    days = set(range(last - MONTH_DAYS, last))
    for one in newest_first:
        more = days.union(_around(one))
        if len(more) > MOST_DAYS:
            break
        days = more
    return np.array(sorted(days), np.int64)


def _around(one: Witnessed) -> range:
    return range((one.start_ms - NEAR_MS) // DAY_MS, (one.end_ms + NEAR_MS - 1) // DAY_MS + 1)


def _side_by_side(history: History, site: Site, days: I64) -> Power:
    """The mains of these days, with one question for those that follow each other."""
    stretches = np.split(days, np.flatnonzero(np.diff(days) > 1) + 1)
    mains = [
        unmeasured_mains(history, site, int(some[0]) * DAY_MS, (int(some[-1]) + 1) * DAY_MS)
        for some in stretches
    ]
    power_w, known = (
        np.concatenate(parts) for parts in zip(*((m.power_w, m.known) for m in mains), strict=True)
    )
    return Power(mains[0].start_ms, MINUTE_MS, power_w, known)


def _heard(mains: Power, least: int) -> Power:
    """The same up to what was heard last, in steps of `HEARD_MS`; so many intervals at least."""
    step = HEARD_MS // MINUTE_MS
    heard = int(np.flatnonzero(mains.known)[-1]) + 1 if mains.known.any() else 0
    upto = slice(max(least, heard // step * step))
    return Power(mains.start_ms, MINUTE_MS, mains.power_w[upto], mains.known[upto])


def _place(days: I64, at_ms: int) -> int:
    """The interval of an instant on one of these days."""
    return int(np.searchsorted(days, at_ms // DAY_MS)) * _DAY_MIN + at_ms % DAY_MS // MINUTE_MS


def _as_runs(said: Mapping[str, Sequence[tuple[int, int]]]) -> dict[str, Runs]:
    return {kind: Runs(*np.array(ends, np.int64).T) for kind, ends in said.items()}


def _mark(lesson: Lesson) -> object:
    """The same for what teaches the same."""
    runs = [
        [(kind, one.start.tolist(), one.end.tolist()) for kind, one in some.items()]
        for some in (lesson.ran, lesson.not_ran)
    ]
    return mark_of(lesson.mains), runs
