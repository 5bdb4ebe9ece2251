"""The benchmark of hourly bills bills what it says."""

from chowon.bench import bill_hourly


def test_a_year_of_three_homes_is_36_bills_of_8760_hours_each_home() -> None:
    found = bill_hourly.measure(3)
    assert (found.homes, found.bills, found.intervals) == (3, 36, 3 * 8760)
    assert found.fleet_bills_per_s > 0
    assert found.scalar_bills_per_s > 0
