"""The worked and printed bills that stand in the tariffs' own files, of every country."""

import pytest

from chowon.domain.bill.cases import wrong_amounts
from chowon.registry import TariffBook

BOOK = TariffBook()
WORLD = [tariff_id for tariff_id in BOOK.ids() if not tariff_id.startswith("kr.")]


@pytest.mark.parametrize("tariff_id", BOOK.ids())
def test_every_worked_bill_of_a_tariff_comes_out(tariff_id: str) -> None:
    tariff = BOOK.load(tariff_id)
    assert [str(wrong) for wrong in wrong_amounts(tariff)] == []


@pytest.mark.parametrize("tariff_id", WORLD)
def test_a_tariff_of_the_world_has_three_bills_and_a_total_in_each_country(tariff_id: str) -> None:
    cases = BOOK.load(tariff_id).cases
    assert sum("total" in case.expect for case in cases) >= 3


@pytest.mark.parametrize(
    ("timezone", "tariff_id"),
    [
        ("America/Los_Angeles", "us.pge.e.tou.c"),
        ("America/New_York", "us.gpc.tou.rd"),
        ("Europe/Copenhagen", "dk.nrgi.time.n1"),
        ("Europe/London", "gb.octopus.agile"),
    ],
)
def test_a_tariff_with_hours_is_billed_in_the_hours_of_its_country(timezone: str, tariff_id: str) -> None:
    assert BOOK.load(tariff_id).timezone == timezone
