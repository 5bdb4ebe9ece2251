"""What people saw run, in the catalog."""

import pytest

from chowon.domain.nilm.witnessed import MOST, KeptWitness, Witnessed, mark_of_seen
from chowon.domain.quantities import HOUR_MS, MINUTE_MS
from chowon.domain.sites import ChannelKey
from chowon.errors import BadInput, NotFound
from chowon.store.catalog.witnessed import CatalogWitnessed
from tests.unit.test_store_catalog import book, catalog, postgres, url

__all__ = ["book", "catalog", "postgres", "url"]  # fixtures

LATER_MS = 1_795_000_020_000
"""More than 32 bits"""


def run(start_min: int, minutes: int = 60, kind: str = "dishwasher", *, ran: bool = True) -> Witnessed:
    start_ms = LATER_MS + start_min * MINUTE_MS
    return Witnessed(kind, start_ms, start_ms + minutes * MINUTE_MS, ran)


@pytest.fixture
def homes(book):
    book.register_all([ChannelKey(name, "main", "main") for name in ("one", "other")], 10_000)
    return [site.id for site in book.sites()]


@pytest.fixture
def seen(catalog):
    return CatalogWitnessed(catalog, lambda: 7)


def test_what_was_seen_is_kept_by_start_with_who_said_it(seen, homes):
    one, other = homes
    later, earlier = seen.add(one, run(600, ran=False), "kim"), seen.add(one, run(0), "lee")
    seen.add(other, run(0, kind="microwave"), "kim")
    assert seen.of(one) == [
        KeptWitness(earlier, run(0), "lee", 7),
        KeptWitness(later, run(600, ran=False), "kim", 7),
    ]
    assert [kept.witnessed.kind for kept in seen.of(other)] == ["microwave"]
    assert seen.of(99) == []


def test_a_run_takes_the_place_of_those_of_its_kind_that_it_overlaps(seen, homes):
    one, other = homes
    for start_min in (0, 60, 120, 240):
        seen.add(one, run(start_min), "kim")
    seen.add(one, run(60, kind="microwave"), "kim")
    seen.add(other, run(60), "kim")
    seen.add(one, run(90, 60, ran=False), "lee")
    assert [kept.witnessed for kept in seen.of(one) if kept.witnessed.kind == "dishwasher"] == [
        run(0),
        run(90, ran=False),
        run(240),
    ]
    assert len(seen.of(one)) == 4
    assert len(seen.of(other)) == 1


def test_a_site_keeps_so_many_of_a_kind_and_says_what_to_do(seen, homes):
    one, other = homes
    for n in range(MOST):
        seen.add(one, run(100 * n), "kim")
    with pytest.raises(BadInput, match=f"{MOST} of this kind.*DELETE"):
        seen.add(one, run(100 * MOST), "kim")
    seen.add(one, run(0, 30), "kim")  # in place of another
    seen.add(one, run(0, kind="microwave"), "kim")
    seen.add(other, run(0), "kim")
    assert len(seen.of(one)) == MOST + 1
    seen.remove(one, seen.of(one)[-1].id)
    seen.add(one, run(100 * MOST), "kim")
    assert len(seen.of(one)) == MOST + 1


def test_a_site_forgets_only_its_own_and_no_id_is_given_twice(seen, homes):
    one, other = homes
    mine, theirs = seen.add(one, run(0), "kim"), seen.add(other, run(0), "kim")
    with pytest.raises(NotFound, match="GET"):
        seen.remove(one, theirs)
    seen.remove(one, mine)
    with pytest.raises(NotFound):
        seen.remove(one, mine)
    assert seen.of(one) == []
    seen.remove(other, theirs)
    assert seen.add(one, run(0), "kim") not in (mine, theirs)


@pytest.mark.parametrize(("start_ms", "end_ms"), [(0, 0), (60_000, 0), (0, 12 * HOUR_MS + MINUTE_MS), (1, 2)])
def test_what_nobody_can_have_seen_so_is_refused(start_ms, end_ms):
    with pytest.raises(BadInput, match="expected"):
        Witnessed("dishwasher", start_ms, end_ms)


def test_the_shortest_and_the_longest_run_are_taken():
    assert Witnessed("kettle", 0, MINUTE_MS).ran
    assert Witnessed("oven", 0, 12 * HOUR_MS).ran


def test_a_mark_is_of_the_runs_and_not_of_their_order():
    one, other = run(0), run(100)
    assert mark_of_seen([]) == ""
    assert len(mark_of_seen([one])) == 8
    assert mark_of_seen([one, other]) == mark_of_seen([other, one])
    different = [[one], [other], [one, other], [run(0, 61)], [run(0, ran=False)], [run(0, kind="oven")]]
    assert len({mark_of_seen(runs) for runs in different}) == len(different)
