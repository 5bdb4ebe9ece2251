"""Discounts of a small invented tariff: what the kinds of line do beyond what KEPCO needs of them."""

import tomllib
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from chowon.domain.bill import Bill, Prepared, Usage, prepare
from chowon.domain.clock import Period
from chowon.domain.tariff import parse
from chowon.errors import TariffInvalid

SMALL = tomllib.loads(
    """
id = "xx.small"
name = { ko = "작은 요금", en = "Small" }
country = "XX"
currency = "EUR"
timezone = "Europe/Berlin"
from = 2020-01-01
price_step = 0.0001

[period]
counts_as = "one_month"
source = "terms §1"

[season.winter]
label = { ko = "겨울", en = "Winter" }
months = [1, 2]
source = "terms §2"

[option.club]
label = { ko = "회원", en = "Club" }
default = "none"
values.none = { ko = "없음", en = "None" }
values.silver = { ko = "은", en = "Silver" }
values.gold = { ko = "금", en = "Gold" }
values.all = { ko = "모두", en = "All" }

[option.generous]
label = { ko = "한도", en = "Caps" }
default = "no"
values.no = { ko = "보통", en = "Usual" }
values.yes = { ko = "확대", en = "Raised" }

[[line]]
id = "energy"
kind = "per_kwh"
by = "usage_day"
label = { ko = "전력량", en = "Energy" }
price = [{ from = 2020-01-01, price = 0.30, source = "t" }, { from = 2021-03-16, price = 0.40, source = "t" }]

[[line]]
id = "credit"
kind = "per_kwh_credit"
label = { ko = "지원", en = "Credit" }
first_kwh = 100
until = 2021-03-21
when = [{ club = ["silver"] }]
price = [{ from = 2020-01-01, credit = 0.05, source = "t" }]

[[line]]
id = "tenth"
kind = "discount"
label = { ko = "십 분의 일", en = "A tenth" }
of = ["energy"]
when = [{ club = ["gold", "all"] }]
price = [{ from = 2020-01-01, percent = 10, source = "t" }, { from = 2021-03-11, percent = 20, source = "t" }]

[[line]]
id = "capped"
kind = "discount"
label = { ko = "한도", en = "Capped" }
of = ["energy"]
from = 2021-01-01
until = 2021-03-21
when = [{ club = ["silver", "all"] }]
price = [{ from = 2021-01-01, cap = 31, in_season = { winter = 62 }, source = "t" }]
choice = [{ option = "generous", value = "yes", set = { price = [
  { from = 2021-01-01, cap = 93, source = "t" },
] } }]

[[line]]
id = "third"
kind = "discount"
per = "segment"
label = { ko = "세째", en = "Third" }
of = ["energy", "credit"]
when = [{ club = ["all"] }]
price = [{ from = 2020-01-01, percent = 30, cap = 31, source = "t" }]

[[only_largest]]
lines = ["tenth", "capped", "third"]
source = "t"
""",
    parse_float=Decimal,
)
TARIFF = parse(deepcopy(SMALL), "small.toml")
MARCH = Period(date(2021, 3, 1), date(2021, 4, 1))


def _ready(period: Period = MARCH, **options: str) -> Prepared:
    return prepare(TARIFF, period, options)


def _bill(kwh: str, period: Period = MARCH, **options: str) -> Bill:
    return _ready(period, **options).bill(Usage(Decimal(kwh)))


def test_a_percentage_that_changes_counts_by_days_and_splits_no_kwh() -> None:
    # 310 kWh: 150 at 0.30 and 160 at 0.40 are 109; 10 days at 10 % and 21 at 20 %
    found = _bill("310", club="gold")
    assert found.amount("energy") == 109
    assert found.amount("tenth") == -109 * (Decimal(10) * 10 + 21 * 20) / 3100
    (tenth,) = (line for line in found.lines if line.id == "tenth")
    assert [(p.unit, p.price, p.segment.days) for p in tenth.parts] == [("%", -10, 10), ("%", -20, 21)]


def test_a_credit_is_for_the_days_of_its_price_and_the_first_kwh() -> None:
    # 20 of 31 days have the credit: 100 × 20/31 kWh at 0.05, and 31 × 20/31 of the cap
    found = _bill("310", club="silver")
    assert found.amount("credit") == -Decimal(100) * 20 / 31 * Decimal("0.05")
    assert found.amount("capped") == -20
    assert _bill("62", club="silver").amount("credit") == -2


def test_a_cap_of_a_season_stands_on_its_days_only() -> None:
    across = Period(date(2021, 2, 15), date(2021, 3, 15))
    assert _bill("400", across, club="silver").amount("capped") == -(Decimal(62) * 14 + 31 * 14) / 28


def test_a_choice_may_replace_all_prices_of_a_line() -> None:
    assert _bill("310", club="silver", generous="yes").amount("capped") == -60


def test_a_discount_of_no_more_than_its_charges_is_a_percentage_of_them() -> None:
    # 31 kWh: 15 × 0.30 + 16 × 0.40 = 10.90, less than the cap
    (line,) = (line for line in _bill("31", club="silver").lines if line.id == "capped")
    assert line.amount == -Decimal("10.90") * 20 / 31
    assert [(p.quantity, p.unit, p.price, p.amount) for p in line.parts] == [
        (Decimal("10.90") * 20 / 31, "%", -100, line.amount)
    ]


def test_a_discount_that_ends_within_a_period_counts_on_its_days_only() -> None:
    document = deepcopy(SMALL)
    document["line"][4] |= {"until": date(2021, 3, 11)}
    document["only_largest"][0]["lines"] = ["tenth", "capped"]
    found = prepare(parse(document, "x.toml"), MARCH, {"club": "all"}).bill(Usage(Decimal(62)))
    # 10 of 31 days, 20 kWh: 30 % of 6.00; the cap of these days is 10
    assert found.amount("third") == Decimal("-1.8")
    (third,) = (line for line in found.lines if line.id == "third")
    assert [part.segment.end for part in third.parts] == [date(2021, 3, 11)]


def test_of_three_discounts_only_the_largest_is_given() -> None:
    # by kWh: third is 30 %, but at most 31; capped gives at most 20; tenth has no bound
    amounts = [
        {line.id for line in _bill(kwh, club="all").lines} - {"energy"} for kwh in ("31", "310", "3100")
    ]
    assert amounts == [{"capped"}, {"third"}, {"tenth"}]


def test_a_segment_at_its_cap_does_not_lower_the_other() -> None:
    # 15 days: 30 % of 45, at most 15; 16 days: 30 % of 64, at most 16
    assert _bill("310", club="all").amount("third") == -(Decimal("13.5") + 16)


@pytest.mark.parametrize(
    ("kwh", "club", "slope"),
    [
        ("310", "none", (15 * Decimal("0.30") + 16 * Decimal("0.40")) / 31),
        ("310", "gold", (15 * Decimal("0.30") + 16 * Decimal("0.40")) / 31 * (1 - Decimal(520) / 3100)),
        ("99", "silver", (15 * Decimal("0.30") + 16 * Decimal("0.40") - 20 * Decimal("0.05")) / 31),
        ("100", "silver", (15 * Decimal("0.30") + 16 * Decimal("0.40")) / 31),
        ("310", "all", (15 * Decimal("0.30") * Decimal("0.7") + 16 * Decimal("0.40")) / 31),
    ],
)
def test_the_next_kwh_costs_less_while_a_discount_grows(kwh: str, club: str, slope: Decimal) -> None:
    found = _ready(club=club).next_kwh(Usage(Decimal(kwh)))
    assert found.marginal_price == slope.quantize(Decimal("0.0001"))
    assert found.energy_price == 0  # of tiers; this tariff has none


def _wrong(change: dict[str, Any], line: int) -> str:
    document = deepcopy(SMALL)
    document["line"][line].update(change)
    with pytest.raises(TariffInvalid) as caught:
        parse(document, "x.toml")
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("line", "change", "said"),
    [
        (1, {"when": [{"clup": ["silver"]}]}, "did you mean 'club'?"),
        (1, {"when": [{"club": ["siver"]}]}, "did you mean 'silver'?"),
        (1, {"when": [{}]}, "options with the values that are meant"),
        (1, {"when": [{"club": "silver"}]}, "a list of texts"),
        (2, {"per": "segmnt"}, "did you mean 'segment'?"),
        (2, {"price": [{"from": date(2020, 1, 1), "percent": 101, "source": "t"}]}, "at most 100"),
        (
            3,
            {"price": [{"from": date(2021, 1, 1), "in_season": {"winter": 9}, "source": "t"}]},
            "cap = 16000",
        ),
        (
            3,
            {"price": [{"from": date(2021, 1, 1), "cap": 9, "in_season": {"wintr": 9}, "source": "t"}]},
            "did you mean 'winter'?",
        ),
        (3, {"id": "tenth"}, "no other line has for the same customer"),
    ],
)
def test_a_wrong_discount_names_the_place_and_what_to_set(
    line: int, change: dict[str, Any], said: str
) -> None:
    assert said in _wrong(change, line)


def test_lines_of_different_customers_may_share_an_id() -> None:
    document = deepcopy(SMALL)
    document["line"][3] |= {"id": "tenth", "when": [{"club": ["silver"]}]}
    document["only_largest"][0]["lines"] = ["tenth", "third"]
    tariff = parse(document, "x.toml")
    assert prepare(tariff, MARCH, {"club": "silver"}).bill(Usage(Decimal(310))).amount("tenth") == -20


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["tenth", "energy"], "lines that take something off"),
        (["tenth", "third"], "one below the other"),
        (["tenth"], "two or more lines"),
        (["tenth", "caped"], "did you mean 'capped'?"),
    ],
)
def test_discounts_that_exclude_each_other_stand_together(lines: list[str], said: str) -> None:
    document = deepcopy(SMALL)
    document["only_largest"][0]["lines"] = lines
    with pytest.raises(TariffInvalid) as caught:
        parse(document, "x.toml")
    assert any(said in str(problem) for problem in caught.value.problems)
