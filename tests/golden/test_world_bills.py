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
def test_a_tariff_of_the_world_proves_itself_by_three_whole_bills(tariff_id: str) -> None:
    cases = BOOK.load(tariff_id).cases
    assert sum("total" in case.expect for case in cases) >= 3
