"""What holds for every bill of every tariff in the package."""

import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from importlib import resources
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Bill, Prepared, Usage, bill, prepare
from chowon.domain.clock import Period
from chowon.domain.tariff import parse
from chowon.domain.tariff.kinds import Deduction, Minimum
from chowon.domain.tariff.terms import Option
from chowon.registry import TariffBook, holiday_dates

BOOK = TariffBook()
TARIFFS = st.sampled_from(["kr.kepco.residential.high", "kr.kepco.residential.low"])
WHOLE_KWH = st.integers(0, 1600) | st.sampled_from([199, 200, 201, 300, 400, 450, 500, 999, 1000, 1001])
DECIMAL_KWH = st.decimals(0, 1600, places=3) | WHOLE_KWH.map(Decimal)
settings.register_profile("bill", deadline=None, max_examples=150)


@st.composite
def periods(draw: st.DrawFn, longest: int = 62) -> Period:
    start = draw(st.dates(date(2016, 12, 1), date(2026, 12, 31)))
    return Period(start, start + timedelta(days=draw(st.integers(1, longest))))


@dataclass(frozen=True)
class Asked:
    """What is asked, small enough to be printed when a law fails."""

    tariff_id: str
    period: Period
    options: dict[str, str]

    def ready(self) -> Prepared:
        return prepare(BOOK.load(self.tariff_id), self.period, self.options)


@st.composite
def asked(draw: st.DrawFn, longest: int = 62) -> Asked:
    tariff = BOOK.load(draw(TARIFFS))
    return Asked(tariff.id, draw(periods(longest)), {o.id: draw(chosen(o)) for o in tariff.options.values()})


def chosen(option: Option) -> st.SearchStrategy[str]:
    """What a customer may choose; of a number, a few near its default."""
    if option.number is None:
        return st.sampled_from(sorted(option.values))
    return st.integers(1, 3).map(str)


def _segments(answers: Bill) -> set[tuple[date, date]]:
    energy = next(line for line in answers.lines if line.id == "energy")
    return {(p.segment.start, p.segment.end) for p in energy.parts}


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_lines_of_a_bill_add_up_to_its_total(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    found = ready.bill(Usage(kwh))
    assert sum(line.amount for line in found.lines) == found.total == ready.total(Usage(kwh))
    assert found.total % 10 == 0


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_kwh_of_all_blocks_are_the_kwh_used(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    found = ready.bill(Usage(kwh))
    energy = next(line for line in found.lines if line.id == "energy")
    assert sum(part.quantity for part in energy.parts) == kwh
    assert all(part.quantity >= 0 for part in energy.parts)


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_segments_of_a_bill_are_the_days_of_its_period(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    segments = sorted(_segments(ready.bill(Usage(kwh))))
    assert segments[0][0] == ready.period.start
    assert segments[-1][1] == ready.period.end
    assert all(a[1] == b[0] for a, b in pairwise(segments))


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_parts_of_a_line_differ_from_it_by_less_than_its_rounding(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    for line in ready.bill(Usage(kwh)).lines:
        if line.parts:
            apart = {"climate": 3, "freeze_discount": len(line.parts)}  # each of them is rounded apart
            step = 10 if line.id == "fund" else apart.get(line.id, 1)
            assert abs(sum(part.amount for part in line.parts) - line.amount) < step
        for part in line.parts:
            factor = part.price / 100 if part.unit == "%" else part.price
            assert abs(part.quantity * factor - part.amount) < Decimal("1e-15")


@settings(settings.get_profile("bill"))
@given(asked(longest=31), WHOLE_KWH)
def test_one_more_kwh_never_costs_less_in_a_month(ask: Asked, kwh: int) -> None:
    # Three segments (more than 31 days) may cost a little less: rounding moves a kWh between prices.
    ready = ask.ready()
    assert ready.total(Usage(Decimal(kwh + 1))) >= ready.total(Usage(Decimal(kwh)))


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH, st.decimals(0, 300, places=3))
def test_accrued_cost_never_falls_as_use_grows(ask: Asked, kwh: Decimal, more: Decimal) -> None:
    ready = ask.ready()
    assert ready.accrued(Usage(kwh + more)) >= ready.accrued(Usage(kwh))


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_accrued_cost_is_the_total_but_for_rounding(ask: Asked, kwh: Decimal) -> None:
    """Money: 1 won a line with taxes, VAT 0.5, fund and total 10 each. kWh: half a kWh a rounded block.

    A discount by kWh is rounded by itself, half a kWh and 1 won a price.
    """
    ready = ask.ready()
    found = ready.bill(Usage(kwh))
    energy = next(line for line in found.lines if line.id == "energy")
    segments = len({part.segment for part in energy.parts})
    rounded_blocks = len(energy.parts) + segments if segments > 1 else 0
    prices = [part.price for part in energy.parts]
    spread = max(prices) - min(prices) + 10
    credited = next((line.parts for line in found.lines if line.id == "freeze_discount"), ())
    allowed = 40 + 15 * len(credited) + rounded_blocks * Decimal("0.5") * spread * Decimal("1.14")
    assert abs(ready.accrued(Usage(kwh)) - found.total) <= allowed


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_price_of_the_next_kwh_is_the_slope_of_accrued_cost(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    step = Decimal("0.001")
    bounds = {Decimal(n) for n in (200, 300, 400, 450, 500, 1000)}
    assume(not any(kwh <= bound < kwh + step for bound in bounds))  # a base charge may jump there
    # What the first kWh of a period use up, a deduction or the minimum, is left out of the price on purpose.
    found = ready.bill(Usage(kwh))
    gross = sum(found.amount(line) for line in ("base", "energy", "climate", "fuel"))
    flat = [
        line.id for line in ready.tariff.lines if line.id.startswith("welfare") or isinstance(line, Deduction)
    ]
    assume(found.amount("subtotal") > 3000)
    assume(all(gross + found.amount(line) > 3000 for line in flat))
    more = ready.bill(Usage(kwh + 1))  # nor in the few days of the period that are in a season of their own
    assume(found.amount("welfare_amount") == more.amount("welfare_amount"))
    assume(ready.next_kwh(Usage(kwh)) == ready.next_kwh(Usage(kwh + step)))  # no cap is reached in between
    slope = (ready.accrued(Usage(kwh + step)) - ready.accrued(Usage(kwh))) / step
    assert abs(slope - ready.next_kwh(Usage(kwh)).marginal_price) <= Decimal("0.05") + Decimal("1e-15")


@settings(settings.get_profile("bill"))
@given(asked(), st.lists(DECIMAL_KWH, max_size=4), DECIMAL_KWH)
def test_a_bill_depends_on_the_sum_of_use_and_on_nothing_asked_before(
    ask: Asked, pieces: list[Decimal], kwh: Decimal
) -> None:
    ready = ask.ready()
    total = sum(pieces, Decimal(0))
    first = ready.bill(Usage(total))
    ready.bill(Usage(kwh))
    assert ready.bill(Usage(sum(reversed(pieces), Decimal(0)))) == first
    assert bill(ready.tariff, ready.period, Usage(total), ready.options) == first


@settings(settings.get_profile("bill"))
@given(asked(), DECIMAL_KWH)
def test_the_standing_among_tiers_holds_the_use(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    standing = ready.standing(Usage(kwh))
    assert standing is not None
    assert standing.count == len(standing.tiers) == 3
    assert standing.from_kwh <= kwh
    assert (standing.to_kwh is None) == (standing.index == standing.count) == (standing.base_jump is None)
    if standing.to_kwh is not None and standing.distance_kwh is not None:
        assert kwh <= standing.to_kwh == kwh + standing.distance_kwh
        assert standing.base_jump is not None
        assert standing.base_jump > 0


@settings(settings.get_profile("bill"))
@given(TARIFFS, periods())
def test_no_use_costs_the_first_base_charge_or_the_minimum(tariff_id: str, period: Period) -> None:
    tariff = BOOK.load(tariff_id)
    found = bill(tariff, period, Usage(Decimal(0)))
    minima = [line.prices[0].amount or 0 for line in tariff.lines if isinstance(line, Minimum)]
    assert found.amount("energy") == found.amount("climate") == found.amount("fuel") == 0
    assert found.amount("subtotal") == max(found.amount("base"), *minima, Decimal(0))


@settings(settings.get_profile("bill"))
@given(TARIFFS, periods(), DECIMAL_KWH)
def test_climate_floored_by_component_is_up_to_two_won_less(
    tariff_id: str, period: Period, kwh: Decimal
) -> None:
    tariff = BOOK.load(tariff_id)
    one = bill(tariff, period, Usage(kwh), {"climate_rounding": "one_product"}).amount("climate")
    three = bill(tariff, period, Usage(kwh), {"climate_rounding": "three_components"}).amount("climate")
    assert 0 <= one - three <= 2


@settings(settings.get_profile("bill"))
@given(st.data())
def test_the_order_of_a_files_keys_does_not_matter(
    data: st.DataObject,
) -> None:
    folder = resources.files("chowon.tariffs") / "kr" / "kepco"
    file = data.draw(st.sampled_from(sorted((f for f in folder.iterdir()), key=lambda f: f.name)))
    document = tomllib.loads(file.read_bytes().decode(), parse_float=Decimal)
    order = data.draw(st.permutations(sorted(document)))
    shuffled = {key: document[key] for key in order}
    assert parse(shuffled, file.name, holiday_dates) == parse(document, file.name, holiday_dates)


@pytest.mark.parametrize("tariff_id", BOOK.ids())
def test_every_price_of_every_tariff_names_its_source(tariff_id: str) -> None:
    lines = BOOK.load(tariff_id).lines
    prices = [price for line in lines for price in getattr(line, "prices", ())]
    assert prices
    assert all(len(price.source) > 10 for price in prices)
