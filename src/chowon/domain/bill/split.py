"""Splitting a period by days, and its kWh with it (KEPCO terms §7①)."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from chowon.domain.bill.outcome import Segment
from chowon.domain.clock import Period
from chowon.domain.tariff.definition import ZERO, Rounding


def segments_of(period: Period, key: Callable[..., Hashable]) -> tuple[Segment, ...]:
    """Runs of days that have the same key."""
    found: list[Segment] = []
    start, last = period.start, key(period.start)
    for n in range(1, period.days + 1):
        day = period.start + timedelta(days=n)
        now = key(day) if day < period.end else None
        if day == period.end or now != last:
            found.append(Segment(start, day, (day - start).days))
            start, last = day, now
    return tuple(found)


def joined(segments: Iterable[Segment]) -> Segment:
    """Neighbouring segments as one."""
    several = tuple(segments)
    return Segment(several[0].start, several[-1].end, sum(s.days for s in several))


@dataclass(frozen=True, slots=True)
class Split:
    """How a period falls into segments."""

    segments: tuple[Segment, ...]
    days: int
    kwh_round: Rounding | None

    def kwh(self, total: Decimal) -> tuple[Decimal, ...]:
        """Each segment's kWh: its share by days, rounded; the last takes what remains."""
        shares = []
        left = total
        for segment in self.segments[:-1]:
            share = min(self.share(total, segment.days), left)
            shares.append(share)
            left -= share
        return (*shares, left)

    def share(self, kwh: Decimal, days: int) -> Decimal:
        """This many days' part of kWh, rounded; a whole period is never rounded."""
        if len(self.segments) == 1:
            return kwh
        share = kwh * days / self.days
        return share if self.kwh_round is None else self.kwh_round.apply(share)


@dataclass(slots=True)
class Run:
    """One evaluation on its way through the lines."""

    kwh: Decimal
    segment_kwh: tuple[Decimal, ...]
    """Of each segment; empty when nothing is rounded."""
    amounts: dict[str, Decimal]
    """By line or subtotal, of the lines above."""
    total: Decimal = ZERO
    """Sum of the lines above."""
    at: "Run | None" = None
    """For slopes: the exact amounts at this use, where a line's slope depends on them."""

    def sum_of(self, ids: tuple[str, ...]) -> Decimal:
        """Sum of these lines and subtotals; one that the bill doesn't have counts nothing."""
        amounts = self.amounts
        total = ZERO
        for id_ in ids:
            total += amounts.get(id_, ZERO)
        return total
