"""A tariff file says everything that is wrong with it at once, by name."""

import tomllib
from collections.abc import Callable
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from chowon.domain.tariff import Rounding, parse
from chowon.domain.tariff.terms import Season, Text, in_force
from chowon.errors import TariffInvalid

SMALL = tomllib.loads(
    """
id = "xx.small"
name = { ko = "작은 요금", en = "Small" }
country = "XX"
currency = "KRW"
timezone = "Asia/Seoul"
from = 2020-01-01

[period]
counts_as = "one_month"
source = "terms §1"

[season.summer]
label = { ko = "여름", en = "Summer" }
months = [7, 8]
source = "terms §2"

[[tiers.home.set]]
from = 2020-01-01
upto = [200, 400]
source = "table 1"

[[tiers.home.set]]
season = "summer"
from = 2020-01-01
upto = [300, 450]
source = "table 1"

[option.kwh]
label = { ko = "사용량", en = "kWh" }
default = "whole"
values.whole = { ko = "정수", en = "whole" }
values.exact = { ko = "소수", en = "exact" }

[[line]]
id = "energy"
kind = "tiered_energy"
label = { ko = "전력량요금", en = "Energy" }
tiers = "home"
round = { unit = 1, mode = "floor" }
price = [
  { from = 2020-01-01, per_tier = [100, 200, 300], source = "table 2" },
  { from = 2021-01-01, per_tier = [110, 210, 310], source = "table 2" },
]

[[line]]
id = "climate"
kind = "per_kwh"
by = "usage_day"
label = { ko = "기후환경요금", en = "Climate" }
price = [{ from = 2020-01-01, price = 5.3, source = "table 3" }]
choice = [{ option = "kwh", value = "exact", set = { kwh = "exact" } }]

[[line]]
id = "vat"
kind = "percentage"
label = { ko = "부가가치세", en = "VAT" }
of = ["energy", "climate"]
price = [{ from = 2020-01-01, percent = 10, source = "law" }]

[[case]]
note = "200 × 100 + 100 × 200"
kwh = 300
start = 2020-02-01
end = 2020-03-01
expect = { energy = 40000 }
""",
    parse_float=Decimal,
)

Change = Callable[[dict[str, Any]], object]


def _line(document: dict[str, Any], number: int) -> dict[str, Any]:
    line: dict[str, Any] = document["line"][number]
    return line


WRONG: list[tuple[str, Change, str, str]] = [
    ("a missing name", lambda d: d.pop("name"), "x.toml: name", "words in both languages"),
    ("an end before the start", lambda d: d.update(until=date(2020, 1, 1)), "until", "later than 2020-01-01"),
    ("an unknown key", lambda d: d.update(curency="KRW"), "x.toml: curency", "did you mean 'currency'?"),
    (
        "an unknown kind",
        lambda d: _line(d, 0).update(kind="time_of_day"),
        "line 'energy'.kind",
        "one of",
    ),
    (
        "a kind with a typo",
        lambda d: _line(d, 0).update(kind="tierd_energy"),
        ".kind",
        "'tiered_energy'?",
    ),
    ("the same id twice", lambda d: _line(d, 1).update(id="energy"), ".id", "no other line has"),
    ("tiers that aren't there", lambda d: _line(d, 0).update(tiers="hoem"), ".tiers", "'home'?"),
    (
        "too few prices",
        lambda d: _line(d, 0)["price"][1].update(per_tier=[1, 2]),
        "price[1].per_tier",
        "3 prices",
    ),
    ("no source", lambda d: _line(d, 0)["price"][0].pop("source"), "price[0].source", "not empty"),
    (
        "versions out of order",
        lambda d: _line(d, 0)["price"][1].update({"from": date(2019, 1, 1)}),
        "line 'energy'.price[1].from",
        "set from >= 2020-01-01",
    ),
    (
        "no price on the first day",
        lambda d: _line(d, 1)["price"][0].update({"from": date(2022, 1, 1)}),
        "line 'climate'.price",
        "set from <= 2020-01-01",
    ),
    ("a float", lambda d: _line(d, 1)["price"][0].update(price=5.3), "price[0].price", "a number"),
    ("a price in words", lambda d: _line(d, 1)["price"][0].update(price="5.3"), "price[0].price", "a number"),
    (
        "bounds that don't rise",
        lambda d: d["tiers"]["home"]["set"][0].update(upto=[400, 200]),
        "tiers.home.set[0].upto",
        "each above the one before it",
    ),
    (
        "sets with different counts",
        lambda d: d["tiers"]["home"]["set"][1].update(upto=[300]),
        "tiers.home.set[1].upto",
        "2 bounds",
    ),
    (
        "a set of an unknown season",
        lambda d: d["tiers"]["home"]["set"][1].update(season="sumer"),
        "tiers.home.set[1].season",
        "did you mean 'summer'?",
    ),
    (
        "two sets for one day",
        lambda d: d["tiers"]["home"]["set"].append(d["tiers"]["home"]["set"][1]),
        "tiers.home.set[2].from",
        "another date",
    ),
    (
        "no bounds outside the season",
        lambda d: d["tiers"]["home"]["set"].pop(0),
        "tiers.home.set",
        "without a season",
    ),
    ("a key of another kind", lambda d: _line(d, 1).update(of=["energy"]), "line 'climate'.of", "one of"),
    ("a sum with itself", lambda d: _line(d, 2).update(of=["vat"]), "line 'vat'.of", "above this one"),
    (
        "a percentage of nothing",
        lambda d: _line(d, 2).update(of=["enrgy"]),
        "line 'vat'.of",
        "did you mean 'energy'?",
    ),
    (
        "a reading month that starts mid-month",
        lambda d: (
            _line(d, 1).update(by="reading_month"),
            _line(d, 1)["price"][0].update({"from": date(2019, 1, 2)}),
        ),
        "price[0].from",
        "first day of a reading month",
    ),
    (
        "components that don't add up",
        lambda d: _line(d, 1)["price"][0].update(component=[{"label": {"ko": "ㄱ", "en": "a"}, "price": 5}]),
        "price[0].component",
        "add up to 5.3",
    ),
    (
        "components rounded apart that are not given",
        lambda d: _line(d, 1).update(round_components=True),
        "line 'climate'.round_components",
        "components in every price",
    ),
    (
        "a choice of no option",
        lambda d: _line(d, 1)["choice"][0].update(option="kwhs"),
        "choice[0].option",
        "did you mean 'kwh'?",
    ),
    (
        "a choice that renames",
        lambda d: _line(d, 1)["choice"][0].update(set={"id": "other"}),
        "choice[0].set.id",
        "a setting that an option may change",
    ),
    ("an option that nothing uses", lambda d: _line(d, 1).pop("choice"), "x.toml: option", "'kwh'"),
    (
        "a default that isn't a value",
        lambda d: d["option"]["kwh"].update(default="whol"),
        ".default",
        "'whole'?",
    ),
    ("a season with a 13th month", lambda d: d["season"]["summer"].update(months=[13]), ".months", "1 to 12"),
    ("half a month", lambda d: d["season"]["summer"].update(months=[Decimal("7.5")]), ".months", "1 to 12"),
    (
        "a rounding by nothing",
        lambda d: _line(d, 0).update(round={"unit": 0, "mode": "floor"}),
        "line 'energy'.round.unit",
        "above 0",
    ),
    (
        "a rounding mode",
        lambda d: _line(d, 0)["round"].update(mode="flor"),
        ".round.mode",
        "did you mean 'floor'?",
    ),
    (
        "a case of an unknown line",
        lambda d: d["case"][0].update(expect={"enery": 1}),
        "expect.enery",
        "'energy'?",
    ),
    (
        "a case that ends first",
        lambda d: d["case"][0].update(end=date(2020, 1, 31)),
        "case[0].start",
        "before",
    ),
    (
        "a first day mid-month",
        lambda d: d.update({"from": date(2020, 1, 2)}),
        "x.toml: from",
        "first day of a month",
    ),
    ("no lines", lambda d: d.update(line=[]), "x.toml: line", "at least one"),
    ("a date in quotes", lambda d: d.update({"from": "2020-01-01"}), "x.toml: from", "without quotes"),
]


@pytest.mark.parametrize(("change", "where", "expected"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_a_wrong_file_names_the_place_and_what_to_set(change: Change, where: str, expected: str) -> None:
    document = deepcopy(SMALL)
    change(document)
    with pytest.raises(TariffInvalid) as caught:
        parse(document, "x.toml")
    said = [str(problem) for problem in caught.value.problems]
    assert any(where in line and expected in line for line in said), said


def test_all_problems_are_told_at_once() -> None:
    document = deepcopy(SMALL)
    document.pop("country")
    document["season"]["summer"].pop("source")
    document["line"][1].update(by="usage_dya")
    with pytest.raises(TariffInvalid, match="3 problems") as caught:
        parse(document, "x.toml")
    assert {p.where for p in caught.value.problems} == {
        "x.toml: country",
        "x.toml: season.summer.source",
        "x.toml: line 'climate'.by",
    }


def test_a_missing_first_day_is_told_once_not_at_every_price() -> None:
    document = deepcopy(SMALL)
    document.pop("from")
    with pytest.raises(TariffInvalid, match="1 problem") as caught:
        parse(document, "x.toml")
    assert [p.where for p in caught.value.problems] == ["x.toml: from"]


def test_a_right_file_is_read_whole() -> None:
    tariff = parse(deepcopy(SMALL), "x.toml")
    assert [line.id for line in tariff.lines] == ["energy", "climate", "vat"]
    assert tariff.kwh_round is None
    assert tariff.tiers_on("home", date(2020, 7, 31)).upto_kwh == (300, 450)
    assert tariff.tiers_on("home", date(2020, 9, 1)).upto_kwh == (200, 400)
    assert tariff.cases[0].expect == {"energy": Decimal(40000)}


def test_a_season_may_run_over_new_year() -> None:
    winter = Season("w", Text("겨울", "Winter"), frozenset(), ((11, 15), (2, 29)), date(2020, 1, 1), None, "")
    assert winter.holds(date(2020, 11, 15))
    assert winter.holds(date(2021, 2, 28))
    assert not winter.holds(date(2021, 3, 1))
    assert not winter.holds(date(2019, 12, 31))


def test_the_version_in_force_is_the_last_that_has_begun() -> None:
    versions = parse(deepcopy(SMALL), "x.toml").lines[0].prices  # type: ignore[attr-defined]
    assert in_force(versions, date(2019, 12, 31)) is None
    assert in_force(versions, date(2020, 12, 31)) is versions[0]
    assert in_force(versions, date(2021, 1, 1)) is versions[1]


@pytest.mark.parametrize(
    ("unit", "mode", "amount", "rounded"),
    [
        ("1", "floor", "-1050.9", "-1050"),
        ("1", "floor", "-0.9", "0"),
        ("10", "floor", "1692.63", "1690"),
        ("10", "floor", "-19", "-10"),
        ("1", "half_up", "0.5", "1"),
        ("1", "half_up", "-0.5", "-1"),
        ("1", "half_up", "2.5", "3"),
        ("0.01", "half_up", "1.005", "1.01"),
    ],
)
def test_rounding_goes_by_the_magnitude(unit: str, mode: Any, amount: str, rounded: str) -> None:
    found = Rounding(Decimal(unit), mode).apply(Decimal(amount))
    assert found == Decimal(rounded)
    assert not (found == 0 and found.is_signed())
