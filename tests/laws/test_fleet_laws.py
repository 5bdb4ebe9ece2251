"""The fleet evaluator equals the scalar one, to the won and on every line, for every question."""

import tomllib
from dataclasses import replace
from decimal import Decimal
from importlib import resources
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Fleet, Usage, prepare, prepare_fleet
from chowon.domain.clock import Period
from chowon.domain.quantities import I64
from chowon.domain.tariff import Tariff, parse
from tests.laws.test_bill_laws import Asked, asked, chosen, periods

LAW = settings(deadline=None, max_examples=150)
BOUNDS_KWH = (0, 30, 199, 200, 201, 300, 313, 400, 450, 500, 1000)
WH = (
    st.integers(0, 1_600_000)
    | st.integers(0, 1600).map(lambda kwh: kwh * 1000)
    | st.integers(0, 16_000).map(lambda tenths: tenths * 100)
    | st.builds(lambda kwh, more: kwh * 1000 + more, st.sampled_from(BOUNDS_KWH), st.integers(0, 1))
)
USES = st.lists(WH, min_size=1, max_size=25).map(lambda wh: np.array(wh, np.int64))


def _differences(fleet: Fleet, energy_wh: I64) -> list[tuple[object, ...]]:
    """(Wh, line, the scalar's amount, the fleet's) where they aren't the same."""
    amounts, totals = fleet.amounts(energy_wh), fleet.totals(energy_wh)
    ids = {line.id for plan in fleet.prepared.plans for line in (step.line for step in plan.steps)}
    assert set(amounts) == ids
    found = []
    for n, wh in enumerate(energy_wh.tolist()):
        bill = fleet.prepared.bill(Usage(Decimal(wh) / 1000))
        pairs = {id_: (bill.amount(id_), amounts[id_][n]) for id_ in ids} | {"total": (bill.total, totals[n])}
        for id_, (scalar, parts) in pairs.items():
            # An amount that no line rounds may have no end as a decimal: the scalar keeps 28 digits of it.
            if abs(scalar * fleet.per_unit - int(parts)) > Decimal("1e-6"):
                found.append((wh, id_, scalar, Decimal(int(parts)) / fleet.per_unit))
    return found


@LAW
@given(asked(), USES)
def test_every_line_of_every_home_is_what_its_own_bill_says(ask: Asked, energy_wh: I64) -> None:
    fleet = prepare_fleet(ask.ready())
    assert fleet.per_unit == 1  # whole won, so equal means equal
    assert _differences(fleet, energy_wh) == []


@LAW
@given(asked(), USES, st.randoms(use_true_random=False))
def test_a_home_pays_the_same_among_any_others(ask: Asked, energy_wh: I64, random: Any) -> None:
    fleet = prepare_fleet(ask.ready())
    order = list(range(len(energy_wh)))
    random.shuffle(order)
    totals = fleet.totals(energy_wh)
    assert (fleet.totals(energy_wh[order]) == totals[order]).all()
    many = np.tile(energy_wh, 40_000 // len(energy_wh))
    assert (fleet.totals(many) == np.tile(totals, len(many) // len(energy_wh))).all()


def _altered(document: dict[str, Any], unrounded: tuple[str, ...], cents: tuple[str, ...]) -> Tariff:
    """KEPCO's lines with other roundings, and kWh that keep their decimals."""
    for line in document["line"]:
        if line["id"] in unrounded and line["kind"] != "round_total":
            line.pop("round", None)
        elif line["id"] in cents and "round" in line:
            line["round"] = {"unit": Decimal("0.05"), "mode": "half_up"}
    document["case"] = []
    return replace(parse(document, "altered"), kwh_round=None)


LINE_IDS = (
    "base",
    "energy",
    "climate",
    "fuel",
    "freeze_discount",
    "welfare_amount",
    "family_amount",
    "vat",
    "fund",
)


@LAW
@given(st.data(), periods(), USES)
def test_a_tariff_that_rounds_otherwise_is_exact_too(
    data: st.DataObject, period: Period, energy_wh: I64
) -> None:
    file = resources.files("chowon.tariffs") / "kr" / "kepco" / "residential_low.toml"
    document = tomllib.loads(file.read_bytes().decode(), parse_float=Decimal)
    unrounded = tuple(data.draw(st.sets(st.sampled_from(LINE_IDS), max_size=3)))
    tariff = _altered(document, unrounded, tuple(data.draw(st.sets(st.sampled_from(LINE_IDS), max_size=3))))
    options = {o.id: data.draw(chosen(o)) for o in tariff.options.values()}
    assert _differences(prepare_fleet(prepare(tariff, period, options)), energy_wh) == []
