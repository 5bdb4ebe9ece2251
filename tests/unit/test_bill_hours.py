"""Bills by the hour: bands, days of 23 and 25 hours, demand, prices by interval, export, what is missing."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from chowon.domain.bill import Bill, Prepared, Prices, Profile, Usage, prepare
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.quantities import HOUR_MS, QUARTER_MS
from chowon.errors import UsageInvalid
from tests.hourly import BERLIN, BY_BAND, DEMAND, EXPORT, HEAD, MARKET, NUMBER, read


def ready(
    lines: str, start: str, end: str, series: Mapping[str, Prices] | None = None, **options: str
) -> Prepared:
    return prepare(
        read(HEAD + lines), Period(date.fromisoformat(start), date.fromisoformat(end)), options, series
    )


def a_kwh_an_hour(start: str, end: str) -> Usage:
    """250 Wh each quarter of an hour."""
    first, last = (midnight_ms(date.fromisoformat(day), BERLIN) for day in (start, end))
    energy = np.full((last - first) // QUARTER_MS, 250, np.int64)
    return Usage(Decimal(int(energy.sum())) / 1000, Profile(first, QUARTER_MS, energy))


def kwh_by_band(bill: Bill) -> dict[str, Decimal]:
    return {part.label.en: part.quantity for line in bill.lines for part in line.parts}


@pytest.mark.parametrize(
    ("day", "after", "night", "amount"),
    [
        ("2026-03-28", "2026-03-29", 5, "6.2"),  # 5 × 0.1 + 19 × 0.3
        ("2026-03-29", "2026-03-30", 4, "6.1"),  # the hour from 2 to 3 is skipped: 4 × 0.1 + 19 × 0.3
        ("2026-10-25", "2026-10-26", 6, "6.3"),  # it comes twice: 6 × 0.1 + 19 × 0.3
    ],
)
def test_a_day_has_the_hours_that_its_clock_shows(day: str, after: str, night: int, amount: str) -> None:
    bill = ready(BY_BAND, day, after).bill(a_kwh_an_hour(day, after))
    assert kwh_by_band(bill) == {"Night": night, "Day": 19}
    assert bill.total == Decimal(amount)


def test_what_is_measured_in_a_season_has_its_price() -> None:
    bill = ready(BY_BAND, "2026-06-30", "2026-07-02").bill(a_kwh_an_hour("2026-06-30", "2026-07-02"))
    # 5 × 0.1 + 19 × 0.3 = 6.2 in June; 5 × 0.2 + 19 × 0.5 = 10.5 in July
    assert bill.total == Decimal("16.7")
    assert [part.segment.days for line in bill.lines for part in line.parts] == [1, 1, 1, 1]


def test_registers_are_shared_by_days_where_a_price_changes() -> None:
    ready_bill = ready(BY_BAND, "2026-06-21", "2026-07-21")
    bill = ready_bill.bill(Usage(Decimal(90), bands={"night": Decimal(30), "day": Decimal(60)}))
    # 10 of 30 days: 10 × 0.1 + 20 × 0.3 = 7; 20 days: 20 × 0.2 + 40 × 0.5 = 24
    assert bill.total == 31


def test_the_next_kwh_has_the_price_of_its_hour() -> None:
    prepared = ready(BY_BAND, "2026-05-01", "2026-05-02")
    start_ms = midnight_ms(date(2026, 5, 1), BERLIN)
    nothing = Usage(Decimal(0))
    assert prepared.next_kwh(nothing, start_ms + 2 * HOUR_MS).marginal_price == Decimal("0.1")
    assert prepared.next_kwh(nothing, start_ms + 3 * HOUR_MS).marginal_price == Decimal("0.3")
    assert prepared.next_kwh(nothing).marginal_price == Decimal("0.258")  # (5 × 0.1 + 19 × 0.3) ÷ 24


def test_only_kwh_for_a_tariff_by_the_hour_is_refused_with_what_it_needs() -> None:
    prepared = ready(BY_BAND, "2026-05-01", "2026-06-01")
    with pytest.raises(UsageInvalid, match=r"by the hour; expected it by interval .* band: night, day"):
        prepared.bill(Usage(Decimal(100)))
    assert prepared.bill(Usage(Decimal(0))).total == 0


def test_registers_that_do_not_add_up_or_are_of_no_band_are_refused() -> None:
    with pytest.raises(UsageInvalid, match="bands that add up to 30 kWh; expected 31"):
        Usage(Decimal(31), bands={"night": Decimal(30)})
    with pytest.raises(UsageInvalid, match="night, day"):
        ready(BY_BAND, "2026-05-01", "2026-06-01").bill(Usage(Decimal(3), bands={"noon": Decimal(3)}))


def test_a_profile_that_lacks_a_part_of_the_period_is_refused_unless_it_says_so() -> None:
    prepared, usage = ready(BY_BAND, "2026-05-01", "2026-05-03"), a_kwh_an_hour("2026-05-01", "2026-05-02")
    with pytest.raises(UsageInvalid, match="expected all of the period"):
        prepared.bill(usage)
    assert prepared.bill(Usage(usage.kwh, usage.profile, partial=True)).total == Decimal("6.2")


def test_intervals_coarser_than_the_bands_are_refused() -> None:
    start_ms = midnight_ms(date(2026, 5, 1), BERLIN)
    halves = HEAD.replace("00-03,22-24", "00-03:30,22-24").replace("03-22", "03:30-22")
    tariff = read(halves + BY_BAND)
    hours = Profile(start_ms, HOUR_MS, np.full(24, 1000, np.int64))
    with pytest.raises(UsageInvalid, match="intervals of 60 min, but a band of 'hours' begins inside one"):
        prepare(tariff, Period(date(2026, 5, 1), date(2026, 5, 2))).bill(Usage(Decimal(24), hours))


@pytest.mark.parametrize(
    ("start_ms", "step_ms", "energy"),
    [
        (0, 7 * 60_000, np.zeros(4, np.int64)),
        (1, QUARTER_MS, np.zeros(4, np.int64)),
        (0, QUARTER_MS, np.zeros(4, np.float64)),
        (0, QUARTER_MS, np.array([1, -1])),
        (0, QUARTER_MS, [1, 2]),
        (0, QUARTER_MS, np.array([2**62, 2**62])),
    ],
)
def test_a_profile_that_cannot_be_is_refused(start_ms, step_ms, energy) -> None:
    with pytest.raises(UsageInvalid, match=r"profile: .*expected"):
        Profile(start_ms, step_ms, energy)


def test_demand_is_the_greatest_quarter_in_its_bands() -> None:
    prepared, usage = ready(DEMAND, "2026-05-01", "2026-05-02"), a_kwh_an_hour("2026-05-01", "2026-05-02")
    assert usage.profile is not None
    energy = usage.profile.import_energy.copy()
    energy[4] = 9000  # at night: 36 kW that don't count
    energy[50] = 1300  # 5.2 kW by day
    profile = Profile(usage.profile.start_ms, QUARTER_MS, energy)
    assert prepared.bill(Usage(Decimal(int(energy.sum())) / 1000, profile)).total == 52


def test_demand_from_intervals_coarser_than_its_own_is_refused() -> None:
    hours = Profile(midnight_ms(date(2026, 5, 1), BERLIN), HOUR_MS, np.full(24, 1000, np.int64))
    prepared = ready(DEMAND, "2026-05-01", "2026-05-02")
    with pytest.raises(UsageInvalid, match=r"found intervals of 60 min; expected .* greatest demand in kW"):
        prepared.bill(Usage(Decimal(24), hours))
    assert prepared.bill(Usage(Decimal(24), hours, demand_kw=Decimal(3))).total == 30
    with pytest.raises(UsageInvalid, match="prices demand: expected"):
        prepared.bill(Usage(Decimal(24)))


def test_one_demand_does_not_answer_for_several_kinds_of_hours() -> None:
    flat = DEMAND.replace('id = "demand"', 'id = "flat"').replace('calendar = "hours"\nbands = ["day"]\n', "")
    prepared = ready(DEMAND + flat, "2026-05-01", "2026-05-02")
    with pytest.raises(UsageInvalid, match="demand of several kinds of hours; expected the use"):
        prepared.bill(Usage(Decimal(24), demand_kw=Decimal(3)))
    assert prepared.bill(a_kwh_an_hour("2026-05-01", "2026-05-02")).total == 20


def test_each_interval_has_the_price_of_its_own_hour() -> None:
    start_ms = midnight_ms(date(2026, 3, 29), BERLIN)
    prices = [Decimal(n) / 100 for n in range(23)]
    prepared = ready(MARKET, "2026-03-29", "2026-03-30", {"day_ahead": Prices(start_ms, HOUR_MS, prices)})
    bill = prepared.bill(a_kwh_an_hour("2026-03-29", "2026-03-30"))
    assert bill.total == Decimal("2.53")  # 0.00 + 0.01 + … + 0.22
    (part,) = bill.lines[0].parts
    assert (part.quantity, part.price) == (23, Decimal("0.11"))


def test_a_missing_price_or_series_is_named() -> None:
    start_ms = midnight_ms(date(2026, 5, 1), BERLIN)
    usage = a_kwh_an_hour("2026-05-01", "2026-05-02")
    prices: list[Decimal | None] = [Decimal(1)] * 24
    prices[7] = None
    some = ready(MARKET, "2026-05-01", "2026-05-02", {"day_ahead": Prices(start_ms, HOUR_MS, prices)})
    with pytest.raises(UsageInvalid, match=f"'day_ahead': found none at {start_ms + 7 * HOUR_MS} ms UTC"):
        some.bill(usage)
    with pytest.raises(UsageInvalid, match="expected prices 'day_ahead'"):
        ready(MARKET, "2026-05-01", "2026-05-02").bill(usage)


@pytest.mark.parametrize(
    ("exported", "carried", "total", "left"),
    [
        (0, 0, "30", "0"),
        (100, 0, "22", "0"),  # 30 − 8
        (100, 5, "17", "0"),  # − 5 of credit
        (500, 0, "0", "10"),  # 30 − 40: 10 are carried on
        (500, 5, "0", "15"),
        (300, 7, "0", "1"),  # 30 − 24 = 6 of 7
    ],
)
def test_what_is_given_to_the_grid_is_credited_and_carried_on(exported, carried, total, left) -> None:
    usage = Usage(Decimal(100), export_kwh=Decimal(exported), carried=Decimal(carried))
    bill = ready(EXPORT, "2026-05-01", "2026-06-01").bill(usage)
    assert (bill.total, bill.carried) == (Decimal(total), Decimal(left))
    assert sum(line.amount for line in bill.lines) == bill.total


def test_net_metering_bills_what_is_left_and_carries_kwh_on() -> None:
    head = HEAD.replace('split = "measured"', 'net = "kwh"')
    head = head[: head.index("[band.night]")]
    only_import = EXPORT[: EXPORT.index('[[line]]\nid = "export"')]
    tariff = read(head + only_import)
    prepared = prepare(tariff, Period(date(2026, 5, 1), date(2026, 6, 1)))
    one = prepared.bill(Usage(Decimal(100), export_kwh=Decimal(40), carried=Decimal(10)))
    assert (one.total, one.carried) == (15, 0)  # 50 × 0.3
    other = prepared.bill(Usage(Decimal(100), export_kwh=Decimal(140), carried=Decimal(10)))
    assert (other.total, other.carried) == (0, 50)


def test_a_number_that_a_line_needs_is_asked_for_and_checked() -> None:
    with pytest.raises(UsageInvalid, match=r"option 'kw': xx.hours needs it \(Contract demand, kW\)"):
        ready(BY_BAND + NUMBER, "2026-05-01", "2026-06-01")
    for wrong in ("0", "51", "many", "NaN"):
        with pytest.raises(UsageInvalid, match="expected a number of kW, at least 1, at most 50"):
            ready(BY_BAND + NUMBER, "2026-05-01", "2026-06-01", kw=wrong)
    assert ready(BY_BAND + NUMBER, "2026-05-01", "2026-06-01", kw="12.5").bill(Usage(Decimal(0))).total == 25


def test_a_part_of_a_period_outside_its_whole_is_refused() -> None:
    tariff = read(HEAD + BY_BAND)
    whole = Period(date(2026, 5, 1), date(2026, 6, 1))
    with pytest.raises(UsageInvalid, match="expected a part of 2026-05-01 to 2026-06-01"):
        prepare(tariff, Period(date(2026, 5, 20), date(2026, 6, 2), whole))
