"""What people decide changes energy, is listed with its reason, and can be taken back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from chowon.domain.corrections import Correction
from chowon.domain.quantities import DWMS_PER_WH, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings
from chowon.domain.sites import ChannelKey
from chowon.errors import NotFound
from chowon.jobs.seal import Sealer
from chowon.store.opening import Store, open_store
from tests.store_samples import NOON_MS, seconds

KWH = 1_000_000


@pytest.fixture
def store(tmp_path: Path):
    store = open_store(tmp_path / "data", now_ms=lambda: NOON_MS + 7)
    for name in ("main", "other"):
        store.sites.register(ChannelKey("home", "m", name), 10_000)
    yield store
    store.close()


def wanted(
    kind: str, start_ms: int, end_ms: int, milliwh: int | None = None, flow: str | None = None
) -> Correction:
    return Correction(0, 1, kind, flow, start_ms, end_ms, milliwh, None, "it was so", "kim", 0)


def hour_of_power(store: Store, channel: int = 1) -> None:
    """An hour at 360 W: 6 Wh a minute."""
    readings = seconds(NOON_MS, 3600, channel=channel)
    store.journal.append([replace(readings, power_dw=np.full(3600, 3600, np.int32))])
    Sealer(store).run(NOON_MS)


def counters(store: Store, *kwh: float) -> None:
    time_ms = NOON_MS + MINUTE_MS * np.arange(len(kwh))
    values = np.array([round(v * KWH) for v in kwh])
    store.journal.append([Readings(np.ones(len(kwh), np.uint32), time_ms, import_milliwh=values)])


def wh(store: Store, start_ms: int, end_ms: int, flow: str = "import", channel: int = 1) -> float:
    rows = store.history.rollup([channel], start_ms, end_ms, "1min", "UTC")
    return round(int(getattr(rows, f"{flow}_dwms").sum()) / DWMS_PER_WH, 3)


def test_a_set_energy_keeps_the_shape_and_holds_for_any_part_of_the_span(store: Store):
    hour_of_power(store)
    store.corrections.add(wanted("energy", NOON_MS + QUARTER_MS, NOON_MS + 3 * QUARTER_MS, 60_000, "import"))
    assert wh(store, NOON_MS + QUARTER_MS, NOON_MS + 3 * QUARTER_MS) == 60
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS) == 90
    assert wh(store, NOON_MS + 20 * MINUTE_MS, NOON_MS + 21 * MINUTE_MS) == 2
    rows = store.history.rollup([1], NOON_MS, NOON_MS + HOUR_MS, "1h", "UTC")
    assert rows.covered_ms.tolist() == [HOUR_MS - 1000]


def test_a_span_that_is_left_out_has_no_energy_and_one_without_readings_can_be_filled(store: Store):
    hour_of_power(store)
    store.corrections.add(wanted("energy", NOON_MS, NOON_MS + QUARTER_MS, 0))
    later = NOON_MS + 5 * HOUR_MS
    store.corrections.add(wanted("energy", later, later + HOUR_MS, 600_000))
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS) == 0
    assert wh(store, later, later + 10 * MINUTE_MS) == 100
    rows = store.history.rollup([1], later, later + HOUR_MS, "1h", "UTC")
    assert (rows.covered_ms.tolist(), rows.known_ms.tolist()) == ([0], [HOUR_MS])


def test_overlapping_corrections_count_in_the_order_in_which_they_were_made(store: Store):
    hour_of_power(store)
    store.corrections.add(wanted("energy", NOON_MS, NOON_MS + 2 * QUARTER_MS, 600_000))
    store.corrections.add(wanted("energy", NOON_MS + QUARTER_MS, NOON_MS + 3 * QUARTER_MS, 0))
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS) == 300
    assert wh(store, NOON_MS + QUARTER_MS, NOON_MS + 4 * QUARTER_MS) == 89.9


def test_a_turned_span_changes_import_and_export(store: Store):
    hour_of_power(store)
    hour_of_power(store, channel=2)
    store.corrections.add(wanted("turned", NOON_MS, NOON_MS + QUARTER_MS))
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS) == 0
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS, "export") == 90
    assert wh(store, NOON_MS, NOON_MS + QUARTER_MS, channel=2) == 90


def test_a_decision_is_listed_and_can_be_taken_back_and_restored(store: Store):
    counters(store, 55, 55.1, 60, 55.2, 55.3)
    ((flow, decision),) = store.history.decisions([1], NOON_MS, NOON_MS + HOUR_MS)
    assert (flow, decision.kind, decision.plain_milliwh) == ("import", "spike", 4_900_000)
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 300
    made = store.corrections.add(wanted("trusted", decision.start_ms, decision.end_ms))
    assert store.history.decisions([1], NOON_MS, NOON_MS + HOUR_MS) == []
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 5100
    store.corrections.take_back(made.id, [1], "lee")
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 300


def test_a_meter_that_was_replaced_unseen_is_told_by_a_person(store: Store):
    counters(store, 10, 10.1, 10.9, 11)
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 1000
    store.corrections.add(wanted("replaced", NOON_MS + 90_000, NOON_MS + 90_000))
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 200
    ((_, decision),) = store.history.decisions([1], NOON_MS, NOON_MS + HOUR_MS)
    assert decision.kind == "replaced"


def test_a_large_connection_is_believed_once_it_is_told(store: Store):
    counters(store, *(5000 + 10 * n for n in range(10)))
    other = Readings(
        np.full(2, 2, np.uint32), NOON_MS + MINUTE_MS * np.arange(2), import_milliwh=np.array([0, KWH])
    )
    store.journal.append([other])
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 0
    told = replace(wanted("connection", 0, 2**42), plausible_w=1_000_000)
    store.corrections.add(told)
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS) == 90_000
    assert wh(store, NOON_MS, NOON_MS + HOUR_MS, channel=2) == 1000
    assert store.history.decisions([1, 2], NOON_MS, NOON_MS + HOUR_MS) == []
    both = store.history.rollup([1, 2], NOON_MS, NOON_MS + HOUR_MS, "1h", "UTC")
    assert (both.import_dwms / DWMS_PER_WH).round(3).tolist() == [90_000, 1000]


def test_the_ledger_keeps_what_was_taken_back_and_knows_its_channels(store: Store):
    first, second = (store.corrections.add(wanted("turned", NOON_MS, NOON_MS + MINUTE_MS)) for _ in range(2))
    assert (first.id, second.id, first.made_ms) == (1, 2, NOON_MS + 7)
    with pytest.raises(NotFound, match="no correction 1 in force here"):
        store.corrections.take_back(1, [2], "lee")
    assert store.corrections.take_back(1, [1, 2], "lee") == first
    with pytest.raises(NotFound):
        store.corrections.take_back(1, [1], "lee")
    assert store.corrections.in_force([1]) == [second]
    assert store.corrections.in_force([2]) == []
