"""What holds for every site cut into parts, whatever they measured, and for the bill that they share."""

from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chowon.domain.bill import (
    Prepared,
    Profile,
    Usage,
    average_shares,
    marginal_shares,
    prepare,
    shapley_shares,
)
from chowon.domain.clock import Period, midnight_ms
from chowon.domain.part_costs import costs_of_parts, in_arrays, takers_only
from chowon.domain.parts import REST, Cut, Part, cut
from chowon.domain.quantities import QUARTER_MS
from chowon.domain.tariff import Text
from chowon.registry import TariffBook
from tests.hourly import BY_THE_HOUR, OPTIONS

LAW = settings(deadline=None, max_examples=60)
DAY = Period(date(2026, 11, 2), date(2026, 11, 3))
START_MS = midnight_ms(DAY.start, ZoneInfo("Asia/Seoul")) + 60 * QUARTER_MS
"""From 15:00 on: day, evening from 17:00 on"""
N = 12
NAMES = ("kettle", "aircon", "dryer", "sun", "car")
WH = st.integers(0, 3000) | st.just(0)
QUARTERS = st.lists(WH, min_size=N, max_size=N)
LOW = prepare(TariffBook().load("kr.kepco.residential.low"), DAY)
HOURLY = prepare(BY_THE_HOUR, DAY, OPTIONS)
TARIFFS = st.sampled_from([LOW, HOURLY])


def wh(values: list[int]) -> Any:
    return np.array(values, np.int64)


FULL = [QUARTER_MS] * N
COVERED = st.lists(st.sampled_from([0, QUARTER_MS // 3, QUARTER_MS]), min_size=N, max_size=N) | st.just(FULL)


class Site(NamedTuple):
    """A main meter and how long it was heard, beside parts that need not agree with it."""

    use: Profile
    covered_ms: Any
    parts: list[Part]

    def cut(self, parts: list[Part] | None = None) -> Cut:
        return cut(self.use, self.covered_ms, self.parts if parts is None else parts)


def part(
    name: str, taken: list[int], given: list[int] | None = None, covered: list[int] | None = None
) -> Part:
    gives = wh([0] * N) if given is None else wh(given)
    return Part(name, Text(name, name), "metered", wh(taken), gives, wh(covered or FULL))


@st.composite
def sites(draw: st.DrawFn) -> Site:
    use = Profile(START_MS, QUARTER_MS, wh(draw(QUARTERS)), wh(draw(QUARTERS | st.just([0] * N))))
    names = draw(st.sets(st.sampled_from(NAMES), max_size=4))
    gives = QUARTERS | st.none()
    parts = [
        part(name, draw(QUARTERS), draw(gives) if name == "sun" else None, draw(COVERED))
        for name in sorted(names)
    ]
    return Site(use, wh(draw(COVERED)), parts)


def of_all(prepared: Prepared, use: Profile, closed: bool) -> Decimal:
    kwh, export_kwh = use.kwh(use.start_ms, use.end_ms)
    usage = Usage(kwh, use, export_kwh=export_kwh, partial=True)
    return prepared.total(prepared.as_read(usage) if closed else usage)


@LAW
@given(sites())
def test_parts_and_rest_are_the_main_meter_in_every_interval(site: Site) -> None:
    use, covered_ms, parts = site
    found = site.cut()
    assert use.export_energy is not None
    net = found.taken.sum(axis=0) - found.given.sum(axis=0)
    assert (net == use.import_energy - use.export_energy).all()
    assert (found.taken >= 0).all()
    assert (found.given >= 0).all()
    measured = {p.name: p for p in parts}
    for kept in found.parts:
        assert (kept.taken <= measured[kept.name].taken).all()
        assert (kept.given <= measured[kept.name].given).all()
        silent = (covered_ms == 0) & (measured[kept.name].covered_ms > 0)
        assert not kept.taken[silent].any()
        assert not kept.given[silent].any()
    lost = sum(int(p.taken.sum()) for p in parts) - sum(int(p.taken.sum()) for p in found.parts)
    assert found.over == lost


@LAW
@given(sites())
def test_parts_that_the_main_meter_bears_are_left_as_they_measured(site: Site) -> None:
    use, _, parts = site
    took = sum((p.taken for p in parts), wh([0] * N))
    gave = sum((p.given for p in parts), wh([0] * N))
    rest = use.import_energy
    net = took + rest - gave
    borne = Profile(START_MS, QUARTER_MS, np.maximum(net, 0), np.maximum(-net, 0))
    found = cut(borne, wh(FULL), parts)
    assert found.over == 0
    assert (found.rest_taken == rest).all()
    assert not found.rest_given.any()
    for kept, measured in zip(found.parts, sorted(parts, key=lambda p: p.name), strict=True):
        assert (kept.taken == measured.taken).all()


def shared(prepared: Prepared, found: Cut, closed: bool) -> dict[str, Any]:
    costs = costs_of_parts(prepared, found, closed=closed)
    answers = {"marginal": marginal_shares(costs), "shapley": shapley_shares(costs)}
    answers["estimate"] = shapley_shares(costs, exact_upto=0, pairs=3)
    if any(kwh >= 0 for kwh in costs.kwh.values()):
        answers["average"] = average_shares(takers_only(costs))
    return answers


@LAW
@given(TARIFFS, sites(), st.booleans())
def test_average_and_shapley_shares_add_up_to_the_sites_bill(
    prepared: Prepared, site: Site, closed: bool
) -> None:
    answers = shared(prepared, site.cut(), closed)
    for rule, found in answers.items():
        assert found.total == of_all(prepared, site.use, closed)
        assert sum(found.shares.values()) + found.difference == found.total
        assert rule == "marginal" or found.difference == 0


@LAW
@given(TARIFFS, sites(), st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_a_sites_parts_does_not_matter(
    prepared: Prepared, site: Site, closed: bool, random: Any
) -> None:
    again = list(site.parts)
    random.shuffle(again)
    assert shared(prepared, site.cut(), closed) == shared(prepared, site.cut(again), closed)


@LAW
@given(TARIFFS, sites(), st.booleans(), st.data())
def test_a_sets_bill_is_that_of_what_it_takes_after_what_it_gives(
    prepared: Prepared, site: Site, closed: bool, data: st.DataObject
) -> None:
    use, _, parts = site
    assume(use.export_energy is not None and not (use.import_energy * use.export_energy).any())
    found = site.cut()
    there = np.array([data.draw(st.booleans()) for _ in range(len(parts) + 1)])
    net = found.taken[there].sum(axis=0) - found.given[there].sum(axis=0)
    alone = Profile(START_MS, QUARTER_MS, np.maximum(net, 0), np.maximum(-net, 0))
    costs = costs_of_parts(prepared, found, closed=closed)
    assert costs.totals(there[np.newaxis]) == [of_all(prepared, alone, closed)]


@LAW
@given(sites())
def test_bills_one_by_one_are_those_of_the_arrays(site: Site) -> None:
    """The same uses in a unit so fine that 64 bits hold no sum of the tariff's products."""
    use, covered_ms, parts = site
    fine = 10**9

    def finer(energy: Any) -> Any:
        return energy * fine

    again = cut(
        Profile(START_MS, QUARTER_MS, finer(use.import_energy), finer(use.export_energy), 1000 * fine),
        covered_ms,
        [Part(p.name, p.label, p.source, finer(p.taken), finer(p.given), p.covered_ms) for p in parts],
    )
    one = costs_of_parts(HOURLY, site.cut(), closed=False)
    other = costs_of_parts(HOURLY, again, closed=False)
    sets = np.vstack([np.zeros(len(parts) + 1), np.ones(len(parts) + 1), np.eye(len(parts) + 1)]) > 0
    assert in_arrays(HOURLY, site.cut(), closed=False)
    assert not in_arrays(HOURLY, again, closed=False) or not use.import_energy.any()
    assert one.totals(sets[:2]) == other.totals(sets[:2])
    if not again.over:
        assert one.totals(sets) == other.totals(sets)


def test_the_rest_has_a_name_of_its_own() -> None:
    found = cut(Profile(START_MS, QUARTER_MS, wh([100] * N)), wh(FULL), [part("kettle", [40] * N)])
    costs = costs_of_parts(LOW, found, closed=False)
    assert costs.kwh == {"kettle": Decimal("0.48"), REST: Decimal("0.72")}
