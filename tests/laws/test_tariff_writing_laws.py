"""A tariff round-trips through its document: every file of the package, and one with every key."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from chowon.domain.tariff import Tariff, parse
from chowon.domain.tariff.writing import document_of
from chowon.registry import TariffBook, holiday_dates
from tests.hourly import BY_BAND, DEMAND, EXPORT, HEAD, MARKET, NUMBER

BOOK = TariffBook()
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "tariff-language.md"


def _again(tariff: Tariff) -> Tariff:
    return parse(document_of(tariff), "again", tariff.holiday_source)


@pytest.mark.parametrize("tariff_id", BOOK.ids())
def test_a_tariff_of_the_package_is_the_same_after_it_was_written(tariff_id: str) -> None:
    tariff = BOOK.load(tariff_id)
    assert _again(tariff) == tariff


def test_the_tariff_of_the_languages_page_is_the_same_after_it_was_written() -> None:
    blocks = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
    tariff = parse(tomllib.loads(blocks, parse_float=Decimal), "page", holiday_dates)
    assert _again(tariff) == tariff


def test_prices_by_season_export_and_numbers_are_written_too() -> None:
    text = HEAD + BY_BAND + DEMAND + MARKET + EXPORT + NUMBER
    tariff = parse(tomllib.loads(text, parse_float=Decimal), "x.toml", holiday_dates)
    again = _again(tariff)
    assert again == tariff
    assert document_of(again) == document_of(tariff)
