"""The pages on tariffs say what the code does."""

import re
import tomllib
from datetime import date
from decimal import Decimal
from pathlib import Path

from chowon.domain.bill import Usage, bill
from chowon.domain.bill.cases import wrong_amounts
from chowon.domain.clock import Period
from chowon.domain.tariff import parse
from chowon.domain.tariff.lines import KINDS
from chowon.registry import TariffBook, holiday_dates

DOCS = Path(__file__).parents[2] / "docs" / "reference"
LANGUAGE = (DOCS / "tariff-language.md").read_text(encoding="utf-8")
KEPCO = (DOCS / "kepco-residential.md").read_text(encoding="utf-8")
CLASSES = (DOCS / "kepco-classes.md").read_text(encoding="utf-8")
BLOCKS = "\n".join(re.findall(r"```toml\n(.*?)```", LANGUAGE, re.DOTALL))
PACKAGE = Path(__file__).parents[2] / "src" / "chowon" / "tariffs"


def _keys(content: object) -> set[str]:
    if isinstance(content, dict):
        return set(content) | {key for value in content.values() for key in _keys(value)}
    return {key for value in content for key in _keys(value)} if isinstance(content, list) else set()


def test_the_blocks_of_the_page_are_a_tariff_whose_cases_come_out() -> None:
    tariff = parse(tomllib.loads(BLOCKS, parse_float=Decimal), "tariff-language.md", holiday_dates)
    assert len(tariff.cases) == 10
    assert [str(w) for w in wrong_amounts(tariff)] == []


def test_every_kind_of_line_has_its_heading_and_example() -> None:
    for kind in KINDS:
        assert f"### `{kind}`" in LANGUAGE
        assert f'kind = "{kind}"' in BLOCKS


def test_every_key_that_a_tariff_of_the_package_uses_is_on_the_page() -> None:
    shown = _keys(tomllib.loads(BLOCKS)) | set(re.findall(r"`(\w+)(?:`| = )", LANGUAGE))
    for file in PACKAGE.rglob("*.toml"):
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        own = {"total", *(line["id"] for line in document["line"])}
        own |= {month for case in document["case"] for month in case.get("past_demand_kw", ())}
        own |= {line["series"] for line in document["line"] if "series" in line}
        for table in ("season", "tiers", "band", "calendar"):
            own |= set(document.get(table, ()))
        for name, option in document.get("option", {}).items():
            own |= {name, *option.get("values", ())}
        assert _keys(document) - own <= shown


def test_every_option_and_default_of_kepco_residential_is_on_its_page() -> None:
    for tariff_id in ("kr.kepco.residential.low", "kr.kepco.residential.high"):
        for name, option in TariffBook().load(tariff_id).options.items():
            others = [value for value in option.values if value != option.default]
            if len(others) == 1:
                assert f"| `{name}` | `{option.default}` | `{others[0]}` |" in KEPCO
            else:
                assert f"| `{name}` | `{option.default}` | the default |" in KEPCO
                assert all(f"| | `{value}` |" in KEPCO for value in others)


def test_the_worked_bill_of_the_page_comes_out() -> None:
    tariff = TariffBook().load("kr.kepco.residential.low")
    found = bill(tariff, Period(date(2021, 6, 21), date(2021, 7, 21)), Usage(Decimal(500)))
    assert "91,810 won" in KEPCO
    assert found.total == 91_810


def test_every_class_of_kepco_and_its_options_and_values_are_on_the_page() -> None:
    book = TariffBook()
    for tariff_id in book.ids():
        if not tariff_id.startswith("kr.kepco.") or f"`{tariff_id}`" in KEPCO:
            continue
        assert f"| `{tariff_id.removeprefix('kr.kepco.')}` |" in CLASSES
        for name, option in book.load(tariff_id).options.items():
            assert f"`{name}`" in CLASSES
            assert all(f"`{value}`" in CLASSES for value in option.values)
