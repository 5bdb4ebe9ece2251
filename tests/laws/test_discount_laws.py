"""What holds for the discounts of every class, date and use."""

import tomllib
from decimal import Decimal
from importlib import resources
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Bill, Usage, bill
from chowon.domain.clock import Period
from chowon.domain.tariff import Tariff, parse
from chowon.domain.tariff.kinds import TAKES_OFF
from chowon.registry import TariffBook
from tests.laws.test_bill_laws import DECIMAL_KWH, WHOLE_KWH, Asked, asked, periods

BOOK = TariffBook()
LOW = BOOK.load("kr.kepco.residential.low")
VOLTAGES = st.sampled_from(["low", "high"])
FAMILIES = tuple(LOW.options["family"].values)
WELFARES = tuple(LOW.options["welfare"].values)
CHARGES = ("base", "energy", "climate", "fuel")
LAW = settings(deadline=None, max_examples=150)


def _document(voltage: str) -> dict[str, Any]:
    file = resources.files("chowon.tariffs") / "kr" / "kepco" / f"residential_{voltage}.toml"
    return tomllib.loads(file.read_bytes().decode(), parse_float=Decimal)


def _without_classes(voltage: str) -> Tariff:
    """The tariff as a file would have it that knows no classes."""
    document = _document(voltage)
    document["line"] = [
        line
        for line in document["line"]
        if line.get("when") in (None, [{"family": ["none"], "welfare": ["none"]}])
    ]
    for line in document["line"]:
        line.pop("when", None)
    for name in ("family", "welfare", "caps_2022", "tv_licence"):
        document["option"].pop(name)
    document["case"] = []
    document.pop("only_largest")
    return parse(document, voltage)


PLAIN = {voltage: _without_classes(voltage) for voltage in ("low", "high")}


def _bill(voltage: str, period: Period, kwh: Decimal, **options: str) -> Bill:
    return bill(BOOK.load(f"kr.kepco.residential.{voltage}"), period, Usage(kwh), options)


@LAW
@given(VOLTAGES, periods(), DECIMAL_KWH)
def test_a_customer_without_a_class_pays_as_if_there_were_none(
    voltage: str, period: Period, kwh: Decimal
) -> None:
    found, plain = _bill(voltage, period, kwh), bill(PLAIN[voltage], period, Usage(kwh))
    assert (found.lines, found.subtotals, found.total) == (plain.lines, plain.subtotals, plain.total)


@LAW
@given(asked(), DECIMAL_KWH)
def test_a_discount_never_adds_to_a_bill_nor_makes_it_negative(ask: Asked, kwh: Decimal) -> None:
    ready = ask.ready()
    found = ready.bill(Usage(kwh))
    takes_off = {line.id for line in ready.tariff.lines if isinstance(line, TAKES_OFF)}
    assert all(line.amount < 0 for line in found.lines if line.id in takes_off)
    assert min(found.total, found.amount("subtotal"), ready.accrued(Usage(kwh))) >= 0


@LAW
@given(VOLTAGES, periods(), DECIMAL_KWH, st.sampled_from(FAMILIES), st.sampled_from(WELFARES))
def test_another_class_never_costs_more(
    voltage: str, period: Period, kwh: Decimal, family: str, welfare: str
) -> None:
    both = _bill(voltage, period, kwh, family=family, welfare=welfare).total
    assert both <= _bill(voltage, period, kwh, family=family).total
    assert both <= _bill(voltage, period, kwh, welfare=welfare).total


@LAW
@given(VOLTAGES, periods(), DECIMAL_KWH, st.sampled_from(FAMILIES[1:]), st.sampled_from(WELFARES[1:]))
def test_two_classes_have_both_discounts_only_where_the_terms_say_so(
    voltage: str, period: Period, kwh: Decimal, family: str, welfare: str
) -> None:
    found = _bill(voltage, period, kwh, family=family, welfare=welfare)
    amounts = {name: -found.amount(name) for name in ("family_amount", "welfare_amount")}
    alone = -_bill(voltage, period, kwh, welfare=welfare).amount("welfare_amount")
    if welfare in {"disabled_or_veteran", "welfare_facility"}:
        assert 0 in amounts.values()
        assert max(amounts.values()) >= alone
    else:
        assert amounts["welfare_amount"] == alone


@LAW
@given(
    VOLTAGES, periods(), WHOLE_KWH, st.sampled_from(["large_family", "none"]), st.sampled_from(WELFARES[:-1])
)
def test_no_discount_is_above_its_cap_or_the_charges(
    voltage: str, period: Period, kwh: int, family: str, welfare: str
) -> None:
    found = _bill(voltage, period, Decimal(kwh), family=family, welfare=welfare)
    gross = sum(found.amount(line) for line in CHARGES)
    assert -found.amount("welfare_amount") <= min(gross, 20_000)
    assert -found.amount("family_amount") <= min(gross * Decimal("0.3") + 4, 16_000)
    assert -found.amount("freeze_discount") <= Decimal("21.1") * min(kwh + 1, 314)


def test_both_voltages_have_the_same_discounts_but_for_one_limit() -> None:
    same = {"freeze_discount", "welfare_amount", "family_amount", "minimum"}
    low, high = (
        [line for line in _document(voltage)["line"] if line["id"] in same and _for_a_class(line)]
        for voltage in ("low", "high")
    )
    assert len(low) == 9
    assert low == high
    assert _document("low")["option"] == _document("high")["option"]
    assert _document("low")["only_largest"] == _document("high")["only_largest"]


def _for_a_class(line: dict[str, Any]) -> bool:
    return all(condition.get("welfare") != ["none"] for condition in line["when"])
