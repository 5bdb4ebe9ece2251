"""What is due of a site's days once they are over, and telling it: at night, at noon, and where it changed.

A day is due once it is over by an hour, and again once it is over by half a day: its evening is told well
only with what came after it (docs/decisions/0023-nightly-values.md has the figures). Then it is final, unless
what was told no longer follows from what is known: other readings (late, corrected, of another hold or role),
other kinds that the site may have, other weights. All of it is seen by comparing with what is written down.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from chowon.domain.clock import day_starts_ms, local_day
from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import (
    LiveValue,
    ToldDay,
    ToldMinutes,
    known_minutes,
    mark_of,
    minutes_of,
    newest,
    rounded,
    took,
)
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.sites import Site
from chowon.jobs.appliances import CONTEXT_MS, Telling
from chowon.jobs.mains import unmeasured_mains, why_not
from chowon.ports import History, NightBook

OVER_BY_MS: Final = HOUR_MS
"""A day is told first so long after its end, with what ran on into the next one"""
FINAL_BY_MS: Final = CONTEXT_MS
"""What comes later than this changes nothing: told then, it is told as if all were known"""
REACH_DAYS: Final = 31
"""So many days back are told, and told again"""
FOLLOWED: Final = 0.9
"""What was told live of less of a day than this is no figure of the day"""
TOLD_LIVE: Final = "live"
"""Who told the values that were told at once"""
LiveTold: TypeAlias = Callable[[Site, int, int], Mapping[LiveValue, Mapping[str, Power]]]
"""(site, from ms, to ms) → what was told while it ran, by minute of the span; empty where nothing is known"""


@dataclass(frozen=True, slots=True)
class _Day:
    day: date
    start_ms: int
    end_ms: int

    def is_final(self, told_ms: int) -> bool:
        return is_final(self.end_ms, told_ms)


@dataclass(frozen=True, slots=True)
class Night:
    """What was told of a site; nothing where nothing was due."""

    days: tuple[ToldDay, ...] = ()
    minutes: tuple[ToldMinutes, ...] = ()


class Nights:
    """Tells the days of sites. Blocks: for threads."""

    def __init__(
        self,
        history: History,
        telling: Telling,
        book: NightBook,
        weights: Callable[[], str],
        live: LiveTold | None = None,
    ) -> None:
        """weights: which ones `telling` tells with. live: what was told while it ran."""
        self._history, self._telling, self._book, self._live = history, telling, book, live
        self._name_weights = weights
        self._through: dict[int, tuple[date, bool, str, frozenset[str]]] = {}
        """Up to which day sites were found told, whether finally, by whom and without which kinds: so that
        it is compared seldom"""

    def tell(self, site: Site, now_ms: int) -> Night:
        """All that is due of one site, with one look of the model. Errors: StoreUnavailable, Damaged."""
        reach = over_days(site, now_ms)
        told_by = self._told_by(site)
        this_time = reach[-1].day, reach[-1].is_final(now_ms), told_by, site.without
        if self._through.get(site.id) == this_time:
            return Night()
        days = self._heard(site, reach)
        if not days:
            return Night()
        before = self._book.days(site.id, days[0].day, days[-1].day + timedelta(days=1))
        stood = newest(before)
        end_ms = min(now_ms // MINUTE_MS * MINUTE_MS, reach[-1].end_ms + CONTEXT_MS)
        mains = unmeasured_mains(self._history, site, reach[0].start_ms - CONTEXT_MS, end_ms)
        here = None if why_not(mains) else self._telling.here(self._history, site)
        kinds = () if here is None else here.kinds
        due = [
            day
            for day in days
            if (was := stood.get(day.day)) is None
            or was.told_by != told_by
            or (day.is_final(now_ms) and not day.is_final(was.told_ms))
            or _is_of_other(day, was, mains, kinds)
        ]
        if not due:
            self._through[site.id] = this_time
            return Night()
        told = {} if here is None else self._telling.tell(here, mains)
        live = {one.day for one in before if one.value != "nightly"}
        return Night(
            tuple(
                one
                for day in due
                for one in (
                    *(() if day.day in live else self._told_live(site, day, now_ms, mains)),
                    self._nightly(site, day, now_ms, mains, told, told_by),
                )
            ),
            tuple(_minutes(site, day, told) for day in due if told or day.day in stood),
        )

    def keep(self, nights: Sequence[Night]) -> None:
        """Write them down. Errors: StoreUnavailable."""
        self._book.keep(
            [day for night in nights for day in night.days],
            [minutes for night in nights for minutes in night.minutes],
        )

    @cached_property
    def _weights(self) -> str:
        return self._name_weights()

    def _heard(self, site: Site, days: Sequence[_Day]) -> list[_Day]:
        """Those from the first to the last one with a reading."""
        span = self._history.span([channel.id for channel in site.main_channels])
        if span is None:
            return []
        return [day for day in days if day.end_ms > span[0] and day.start_ms <= span[1]]

    def _told_by(self, site: Site) -> str:
        """Which weights, and what they learn of the site first."""
        taught = self._telling.mark(site.id)
        return f"{self._weights}+{taught}" if taught else self._weights

    def _nightly(
        self, site: Site, day: _Day, now_ms: int, mains: Power, told: Mapping[str, Power], told_by: str
    ) -> ToldDay:
        measured = minutes_of(mains, day.start_ms, day.end_ms)
        sums = {}
        for kind, power in told.items():
            earlier = minutes_of(power, day.start_ms - MINUTE_MS, day.start_ms).power_w
            sums[kind] = took(minutes_of(power, day.start_ms, day.end_ms), was_on=bool(earlier.any()))
        known_min = int(measured.known.sum()) if told else 0
        return ToldDay(site.id, day.day, "nightly", now_ms, told_by, mark_of(measured), known_min, sums)

    def _told_live(self, site: Site, day: _Day, now_ms: int, mains: Power) -> list[ToldDay]:
        if self._live is None:
            return []
        measured = int(minutes_of(mains, day.start_ms, day.end_ms).known.sum())
        found = self._live(site, day.start_ms, day.end_ms)
        return [
            ToldDay(
                site.id,
                day.day,
                value,
                now_ms,
                TOLD_LIVE,
                "",
                known_minutes(by_kind.values()),
                {kind: took(rounded(power)) for kind, power in by_kind.items()},
            )
            for value, by_kind in found.items()
            if by_kind and known_minutes(by_kind.values()) >= FOLLOWED * measured
        ]


def is_final(end_ms: int, told_ms: int) -> bool:
    """Whether what is told at this instant of a day with this end is told with all that bears on it."""
    return told_ms >= end_ms + FINAL_BY_MS


def over_days(site: Site, now_ms: int) -> list[_Day]:
    """The local days that are over by an hour, as far back as any is told; the latest comes last."""
    zone = ZoneInfo(site.timezone)
    end = local_day(now_ms - OVER_BY_MS, zone)
    starts = day_starts_ms(end - timedelta(days=REACH_DAYS), end, zone).tolist()
    first = end - timedelta(days=REACH_DAYS)
    return [_Day(first + timedelta(days=n), *edges) for n, edges in enumerate(pairwise(starts))]


def _is_of_other(day: _Day, told: ToldDay, mains: Power, kinds: Sequence[str]) -> bool:
    """Told of other mains, or of other kinds, than these."""
    measured = minutes_of(mains, day.start_ms, day.end_ms)
    return told.took.keys() != set(kinds) or told.mains != mark_of(measured)


def _minutes(site: Site, day: _Day, told: Mapping[str, Power]) -> ToldMinutes:
    power = {}
    for kind, whole in told.items():
        of_day = minutes_of(whole, day.start_ms, day.end_ms)  # copied, so that no month is kept for a day
        power[kind] = replace(of_day, power_w=of_day.power_w.copy(), known=of_day.known.copy())
    return ToldMinutes(site.id, day.start_ms, (day.end_ms - day.start_ms) // MINUTE_MS, power)
