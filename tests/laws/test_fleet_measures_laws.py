"""The fleet evaluator equals the scalar one under tariffs that measure more than kWh, on every line."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.bill import Profile, Usage, prepare, prepare_fleet
from chowon.domain.tariff import Tariff, parse
from tests.fleets import differences, fleet_use
from tests.laws.measured_tariffs import BANDS, Question, questions

LAW = settings(deadline=None, max_examples=60)


@LAW
@given(questions(), st.booleans())
def test_every_line_of_every_home_read_by_interval_is_what_its_own_bill_says(
    question: Question, computed: bool
) -> None:
    fleet = prepare_fleet(question.prepared)
    use = fleet_use(fleet, question.usages)
    if computed:  # the fleet adds up the period's energy by itself
        use = replace(use, energy=None, export_energy=None)
    assert differences(fleet, use, question.usages) == []


@LAW
@given(questions())
def test_energies_in_narrow_numbers_and_in_the_parts_of_a_joule_come_to_the_same(question: Question) -> None:
    fleet, joules = prepare_fleet(question.prepared), prepare_fleet(question.prepared, 3_600_000)
    use = fleet_use(fleet, question.usages)
    assert use.profile is not None
    narrow = replace(use.profile, import_energy=use.profile.import_energy.astype(np.int32))
    assert (fleet.totals(replace(use, profile=narrow)) == fleet.totals(use)).all()
    finer = [replace(usage, profile=_times(usage.profile, 3600)) for usage in question.usages]
    assert differences(joules, fleet_use(joules, finer), finer) == []


def _times(profile: Profile | None, by: int) -> Profile:
    assert profile is not None
    exported = None if profile.export_energy is None else profile.export_energy * by
    return replace(
        profile,
        import_energy=profile.import_energy * by,
        export_energy=exported,
        per_kwh=profile.per_kwh * by,
    )


REGISTERS = st.lists(st.integers(0, 2_000_000), min_size=3, max_size=3)


@LAW
@given(questions(), st.lists(REGISTERS, min_size=1, max_size=4), st.integers(0, 10**8))
def test_every_line_of_every_home_read_by_registers_is_what_its_own_bill_says(
    question: Question, registers: list[list[int]], carried: int
) -> None:
    document = question.document | {
        "line": [line for line in question.document["line"] if not _by_interval(line)],
    }
    if not document["line"][:-1]:
        return
    usages = [
        Usage(
            Decimal(sum(wh)) / 1000,
            bands={band: Decimal(n) / 1000 for band, n in zip(BANDS, wh, strict=True)},
            demand_kw=Decimal(sum(wh)) / 1000,
            carried=Decimal(carried) / 100,
        )
        for wh in registers
    ]
    fleet = prepare_fleet(prepare(_tariff(document), question.prepared.period))
    usages = [replace(u, carried=Decimal(carried) / fleet.per_carried) for u in usages]
    assert differences(fleet, fleet_use(fleet, usages), usages) == []


def _by_interval(line: dict[str, Any]) -> bool:
    measured = line["kind"] in {"time_of_use", "tiered_time_of_use", "per_kwh", "price_series"}
    return line["kind"] == "price_series" or (measured and line["of"] != "import")


def _tariff(document: dict[str, Any]) -> Tariff:
    ids = {line["id"] for line in document["line"]}
    lines = [
        line | {"of": [id_ for id_ in line["of"] if id_ in ids]} if isinstance(line.get("of"), list) else line
        for line in document["line"]
    ]
    return parse(document | {"line": [line for line in lines if line.get("of") != []]}, "random")
