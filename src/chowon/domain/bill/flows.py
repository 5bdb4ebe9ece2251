"""Lines that price what a meter measures by itself: by band, what is given to the grid, by a price series."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol, TypeVar

from chowon.domain.bill.exact import Exact
from chowon.domain.bill.hours import NO_BAND, Runs
from chowon.domain.bill.meter import Energy, Meter, Priced
from chowon.domain.bill.outcome import Part, Segment
from chowon.domain.bill.split import HomesRun, Run
from chowon.domain.bill.steps import Setting
from chowon.domain.tariff.kinds import GIVEN, PerKwh, PriceSeries, TimeOfUse
from chowon.domain.tariff.terms import ZERO, Text, in_force, seasonal_in_force
from chowon.errors import UsageInvalid

_ONE: Final = Decimal(1)


@dataclass(frozen=True, slots=True)
class Row:
    """One measured number and its price in a segment."""

    segment: Segment
    place: int
    """Which of the period's segments it is, from 0."""
    measure: int
    """Where its number stands: kWh, or the sum of kWh × price of a series."""
    kwh: int
    """Where its kWh stand."""
    band: str
    price: Decimal
    """Per kWh, or the factor of a series' prices; negative for what is given to the grid."""
    label: Text
    since: date
    source: str
    surplus: int | None = None
    """Where stands by how much export exceeds import there, for lines of net import or net export"""


def cut_key(line: TimeOfUse | PriceSeries, setting: Setting, day: date) -> object:
    """Days with the same key belong to one segment."""
    if not line.exists_on(day):
        return None
    if isinstance(line, TimeOfUse):
        bands = seasonal_in_force(line.prices, day, setting.tariff.seasons)
        return None if bands is None else bands.per_band
    factor = seasonal_in_force(line.prices, day, setting.tariff.seasons)
    return None if factor is None else factor.value


def time_of_use_step(line: TimeOfUse, setting: Setting) -> "FlowStep":
    """The line with its prices of this period."""
    sign, rows = _sign(line), []
    for place, segment in _where(line, setting):
        price = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons)
        for band, value in () if price is None else price.per_band:
            assert price is not None
            measure = setting.meter.place(Energy(line.of, place, line.calendar, band))
            words, surplus = setting.tariff.bands[band], _surplus(line, setting, place, band)
            since, source = price.since, price.source
            rows.append(
                Row(segment, place, measure, measure, band, value * sign, words, since, source, surplus)
            )
    return FlowStep(line, tuple(rows), setting.meter, line.calendar)


def per_kwh_step(line: PerKwh, setting: Setting) -> "FlowStep":
    """A line by kWh of export or net, with its prices of this period."""
    sign, rows = _sign(line), []
    for place, segment in _where(line, setting):
        if line.by == "reading_month":
            price = in_force(line.prices, setting.reading_month)
        else:
            price = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons)
        if price is not None:
            measure = setting.meter.place(Energy(line.of, place))
            value, surplus = price.value * sign, _surplus(line, setting, place)
            since, source = price.since, price.source
            rows.append(
                Row(segment, place, measure, measure, NO_BAND, value, line.label, since, source, surplus)
            )
    return FlowStep(line, tuple(rows), setting.meter, None)


def price_series_step(line: PriceSeries, setting: Setting) -> "FlowStep":
    """The line with the series that is handed in."""
    sign, rows = _sign(line), []
    for place, segment in _where(line, setting):
        price = seasonal_in_force(line.prices, segment.start, setting.tariff.seasons)
        if price is not None:
            measure = setting.meter.place(Priced(line.of, place, line.series))
            kwh = setting.meter.place(Energy(line.of, place))
            value = price.value * sign
            rows.append(
                Row(segment, place, measure, kwh, NO_BAND, value, line.label, price.since, price.source)
            )
    return FlowStep(line, tuple(rows), setting.meter, None)


def _sign(line: TimeOfUse | PerKwh | PriceSeries) -> int:
    return -1 if line.of in GIVEN else 1


def _surplus(line: TimeOfUse | PerKwh, setting: Setting, place: int, band: str = NO_BAND) -> int | None:
    if line.of not in ("net_import", "net_export"):
        return None
    calendar = line.calendar if isinstance(line, TimeOfUse) else None
    return setting.meter.place(Energy("net_export", place, calendar, band))


def _where(line: TimeOfUse | PerKwh | PriceSeries, setting: Setting) -> Iterator[tuple[int, Segment]]:
    """The segments on which the line exists."""
    by_month = isinstance(line, PerKwh) and line.by == "reading_month"
    for place, segment in enumerate(setting.split.segments):
        if line.exists_on(setting.reading_month if by_month else segment.start):
            yield place, segment


class Cell(Protocol):
    """Hours that a row is about."""

    @property
    def place(self) -> int:
        """Which of the period's segments they are in."""

    @property
    def band(self) -> str:
        """Their band."""


_C = TypeVar("_C", bound=Cell)


def chances(rows: Iterable[_C], runs: Runs, when_ms: int | None) -> Iterator[tuple[_C, Decimal]]:
    """(row, how much of the next kWh is in its hours): at an instant all of it; else by their length."""
    if when_ms is not None:
        at = runs.at(when_ms)
        yield from ((row, _ONE) for row in rows if at == (row.place, row.band))
        return
    lengths = runs.lengths_ms()
    whole = sum(lengths.values())
    for row in rows:
        yield row, Decimal(lengths.get((row.place, row.band), 0)) / whole


@dataclass(frozen=True, slots=True)
class FlowStep:
    """Measured number × price, summed."""

    line: TimeOfUse | PerKwh | PriceSeries
    rows: tuple[Row, ...]
    meter: Meter
    calendar: str | None

    def charge(self, run: Run) -> Decimal:
        """The sum over rows."""
        sum_ = ZERO
        for row in self.rows:
            sum_ += run.measures[row.measure] * row.price
        return sum_

    def charges(self, homes: HomesRun) -> Exact:
        """As `charge`."""
        return sum((homes.measures[row.measure].times(row.price) for row in self.rows), homes.nothing)

    exact = charge

    def slope(self, run: Run) -> Decimal:
        """The price at the instant of the next kWh; without an instant, the mean over the period's hours."""
        return sum((price for _, price in self._slopes(run)), ZERO)

    def by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        days = self.meter.split.days
        for row in self.rows:
            yield row.place, run.measures[row.measure] * row.price * days

    def charges_by_segment(self, homes: HomesRun) -> Iterator[tuple[int, Exact]]:
        """As `Segmented`."""
        days = self.meter.split.days
        for row in self.rows:
            yield row.place, homes.measures[row.measure].times(row.price * days)

    exact_by_segment = by_segment

    def slope_by_segment(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """As `Segmented`."""
        for place, price in self._slopes(run):
            yield place, price * self.meter.split.days

    def parts(self, run: Run) -> tuple[Part, ...]:
        """One a row in which something was measured."""
        found = []
        for row in self.rows:
            number, kwh = run.measures[row.measure], run.measures[row.kwh]
            if not number and not kwh:
                continue
            amount = number * row.price
            price = row.price if row.kwh == row.measure or not kwh else amount / kwh
            found.append(Part(row.label, kwh, "kWh", price, amount, row.since, row.source, row.segment))
        return tuple(found)

    def _slopes(self, run: Run) -> Iterator[tuple[int, Decimal]]:
        """(segment, what the next kWh costs there): import only, what is given back doesn't change.

        Of a net surplus it takes away: there it costs the credit, and nothing else.
        """
        if self.line.of == "export" or not self.rows:
            return
        for row, share in chances(self.rows, self.meter.runs(self.calendar), run.when_ms):
            if row.surplus is None:
                yield row.place, row.price * share * self._series_price(run.when_ms)
            elif bool(run.measures[row.surplus]) == (self.line.of in GIVEN):
                yield row.place, row.price * share * _sign(self.line)

    def _series_price(self, when_ms: int | None) -> Decimal:
        """The series' price at an instant; its mean over the period without one, 0 where none is known.

        Errors: UsageInvalid where none is known for the instant.
        """
        if not isinstance(self.line, PriceSeries):
            return _ONE
        prices = self.meter.series.get(self.line.series)
        if when_ms is None:
            return ZERO if prices is None else prices.mean(*self.meter.instants())
        price = None if prices is None else prices.at(when_ms)
        if price is None:
            raise UsageInvalid(
                f"prices {self.line.series!r}: found none at {when_ms} ms UTC; expected one to tell the "
                "price of the next kWh"
            )
        return price
