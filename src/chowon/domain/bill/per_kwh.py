"""Lines with one price for each kWh: by the day of use, or by the month in which the meter is read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run, joined
from chowon.domain.bill.steps import Setting
from chowon.domain.tariff.kinds import PerKwh
from chowon.domain.tariff.terms import ZERO, Price, Season, in_force, seasonal_in_force


@dataclass(frozen=True, slots=True)
class Span:
    """Segments in a row that have the same price."""

    price: Price
    segments: tuple[int, ...]
    """Their places in the split."""
    segment: Segment
    """All of them as one."""


def cut_key(line: PerKwh, seasons: Mapping[str, Season], day: date) -> Decimal | None:
    """Days with the same key belong to one segment."""
    by_day = line.by == "usage_day" and line.exists_on(day)
    version = seasonal_in_force(line.prices, day, seasons) if by_day else None
    return None if version is None else version.value


def step_of(line: PerKwh, setting: Setting) -> "PerKwhStep":
    """The line with its prices of this period."""
    segments = setting.split.segments
    if line.by == "reading_month":
        month = setting.reading_month
        price = in_force(line.prices, month) if line.exists_on(month) else None
        every = tuple(range(len(segments)))
        return PerKwhStep(line, () if price is None else (Span(price, every, joined(segments)),), setting)
    spans: list[Span] = []
    for n, segment in enumerate(segments):
        exists = line.exists_on(segment.start)
        price = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons) if exists else None
        if price is None:
            continue
        if spans and spans[-1].price.value == price.value and spans[-1].segments[-1] == n - 1:
            before = spans.pop()
            spans.append(Span(before.price, (*before.segments, n), joined((before.segment, segment))))
        else:
            spans.append(Span(price, (n,), segment))
    return PerKwhStep(line, tuple(spans), setting)


@dataclass(frozen=True, slots=True)
class PerKwhStep:
    """kWh × price."""

    line: PerKwh
    spans: tuple[Span, ...]
    setting: Setting

    def charge(self, run: Run) -> Decimal:
        """The sum over spans; with `round_components`, each component's sum is rounded by itself."""
        if not self.line.round_components or self.line.round is None:
            sum_ = ZERO
            for span in self.spans:
                sum_ += self._kwh_times(span, run) * span.price.value
            return sum_ / self._times
        sums: dict[str, Decimal] = {}
        for span in self.spans:
            kwh = self._kwh_times(span, run)
            for label, price in span.price.components:
                sums[label.en] = sums.get(label.en, ZERO) + kwh * price
        return sum((self.line.round.apply(s / self._times) for s in sums.values()), ZERO)

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        rounding, nothing = self.line.round, homes.nothing
        if not self.line.round_components or rounding is None:
            return sum((self._homes_kwh(s, homes).times(s.price.value) for s in self.spans), nothing)
        sums: dict[str, Exact] = {}
        for span in self.spans:
            kwh = self._homes_kwh(span, homes)
            for label, price in span.price.components:
                sums[label.en] = sums.get(label.en, nothing) + kwh.times(price)
        return sum((homes.rounded(s, rounding) for s in sums.values()), nothing)

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a span; with `round_components`, one a span and component."""
        found = []
        for span in self.spans:
            kwh, version = self._kwh(span, run), span.price
            apart = self.line.round_components and version.components
            for label, price in version.components if apart else ((self.line.label, version.value),):
                found.append(
                    Part(label, kwh, "kWh", price, kwh * price, version.since, version.source, span.segment)
                )
        return tuple(found)

    def exact(self, run: Run) -> Decimal:
        """All kWh × the price weighted by days."""
        return run.kwh * self.slope(run)

    def slope(self, run: Run) -> Decimal:  # noqa: ARG002  the same for every kWh
        """The price weighted by days."""
        return sum((s.price.value * s.segment.days for s in self.spans), ZERO) / self.setting.split.days

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        if self.line.kwh == "exact":
            yield from self.exact_by_segment(run)
            return
        for span in self.spans:
            for n in span.segments:
                yield n, run.segment_kwh[n] * span.price.value * self.setting.split.days

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        for span in self.spans:
            for n in span.segments:
                if self.line.kwh == "exact":
                    yield n, homes.kwh.times(span.price.value * self.setting.split.segments[n].days)
                else:
                    yield n, homes.segment_kwh[n].times(span.price.value * self.setting.split.days)

    def exact_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for n, price in self.slope_by_segment(run):
            yield n, run.kwh * price

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:  # noqa: ARG002  the same for every kWh
        """As `Segmented`."""
        for span in self.spans:
            for n in span.segments:
                yield n, span.price.value * self.setting.split.segments[n].days

    @property
    def _times(self) -> int:
        """What `_kwh_times` is multiplied by: a division before the sum could end just below a whole won."""
        return self.setting.split.days if self.line.kwh == "exact" else 1

    def _kwh_times(self, span: Span, run: Run) -> Decimal:
        return run.kwh * span.segment.days if self.line.kwh == "exact" else self._kwh(span, run)

    def _kwh(self, span: Span, run: Run) -> Decimal:
        if self.line.kwh == "exact":
            return run.kwh * span.segment.days / self.setting.split.days
        if len(span.segments) == len(run.segment_kwh):
            return run.kwh
        return sum((run.segment_kwh[n] for n in span.segments), ZERO)

    def _homes_kwh(self, span: Span, homes: HomesRun) -> Exact:
        if self.line.kwh == "exact":
            return homes.quotient(homes.kwh.times(Fraction(span.segment.days, self.setting.split.days)))
        if len(span.segments) == len(homes.segment_kwh):
            return homes.kwh
        return sum((homes.segment_kwh[n] for n in span.segments), homes.nothing)
