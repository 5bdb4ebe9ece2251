"""How long a reading stands: learnt from a rhythm, changed by a person, counted anew for all the past."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.energy import held
from chowon.domain.quantities import DAY_MS, DWMS_PER_WH, HOUR_MS, MINUTE_MS, QUARTER_MS
from chowon.domain.readings import Readings, concat, latest
from chowon.domain.rhythm import learnt_hold_ms
from chowon.domain.rollups import ROLLUP_COLUMNS, rollup
from chowon.domain.sites import ChannelKey
from chowon.errors import StoreUnavailable
from chowon.ingest.quality import QualityWatch
from chowon.jobs.learn_holds import HoldLearner
from chowon.jobs.seal import Sealer
from chowon.store.catalog.files import HoldChange
from chowon.store.opening import Store, open_store
from tests.told import served

NOW_MS = 1_795_400_000_000
KEY = ChannelKey("home", "meter", "main")


def every(step_ms: int, n: int = 200, end_ms: int = NOW_MS, power_w: int = 600) -> Readings:
    time_ms = end_ms - step_ms * np.arange(n, 0, -1, dtype=np.int64)
    return Readings(np.ones(n, np.uint32), time_ms, np.full(n, 10 * power_w, np.int32))


@pytest.mark.parametrize(
    ("step_ms", "hold_ms", "learnt"),
    [
        (1_000, 10_000, None),
        (10_000, 10_000, None),
        (11_000, 10_000, 33_000),
        (60_000, 10_000, 180_000),
        (60_000, 180_000, None),
        (300_000, 10_000, 900_000),
        (301_000, 10_000, None),
        (3_600_000, 10_000, None),
    ],
)
def test_a_hold_is_learnt_upwards_only_and_up_to_a_quarter_of_an_hour(step_ms, hold_ms, learnt):
    assert learnt_hold_ms(every(step_ms).time_ms, hold_ms) == learnt


def test_a_meter_with_long_gaps_keeps_its_hold_and_of_few_readings_nothing_is_learnt():
    seconds = every(1000).time_ms
    assert learnt_hold_ms(np.concatenate([seconds, seconds + HOUR_MS, seconds + DAY_MS]), 10_000) is None
    assert learnt_hold_ms(every(60_000, 20).time_ms, 10_000) is None
    assert learnt_hold_ms(every(60_000, 21).time_ms, 10_000) == 180_000


def opened(folder: Path) -> Store:
    store = open_store(folder, now_ms=lambda: NOW_MS)
    assert store.sites.register(KEY, 10_000).id == 1
    return store


steps = st.lists(
    st.sampled_from([500, 1000, 9_000, 20_000, 60_000, 400_000, HOUR_MS]), min_size=1, max_size=60
)
holds = st.sampled_from([1000, 10_000, 30_000, 180_000, HOUR_MS])


@settings(max_examples=15)
@given(st.lists(st.tuples(steps, st.booleans(), st.none() | holds), min_size=1, max_size=4))
def test_rollups_are_those_of_the_newest_hold_whenever_it_was_changed(tmp_path_factory, parts):
    store = opened(tmp_path_factory.mktemp("hold") / "home")
    sealer, hold_ms, at, said = Sealer(store), 10_000, NOW_MS - 3 * DAY_MS, []
    try:
        for some, seals, change in parts:
            time_ms = at + np.cumsum(np.array(some, np.int64))
            batch = Readings(np.ones(len(some), np.uint32), time_ms, (time_ms // 500 % 9000).astype(np.int32))
            store.journal.append([batch])
            said.append(batch)
            at = int(time_ms[-1]) - 5000  # and the next ones come late
            if seals:
                sealer.run(NOW_MS)
            if change is not None:
                sealer.change_hold(HoldChange(1, change, "person"), NOW_MS)
                hold_ms = change
            expected = rollup(held(latest(concat(said)), hold_ms), MINUTE_MS)
            found = store.history.rollup([1], NOW_MS - 9 * DAY_MS, NOW_MS + DAY_MS, "1min", "UTC")
            for name in ROLLUP_COLUMNS:
                assert getattr(found, name).tolist() == getattr(expected, name).tolist(), name
    finally:
        store.close()


def test_a_change_that_fails_changes_nothing_and_can_be_made_again(tmp_path, monkeypatch):
    store = opened(tmp_path / "home")
    sealer, change = Sealer(store), HoldChange(1, 180_000, "person")
    store.journal.append([every(60_000)])
    sealer.run(NOW_MS)

    def kwh() -> float:
        rows = store.history.rollup([1], NOW_MS - DAY_MS, NOW_MS, "1h", "UTC")
        return int(rows.import_dwms.sum()) / DWMS_PER_WH / 1000

    def fails(*_args, **_options):
        raise StoreUnavailable("no space left")

    with monkeypatch.context() as broken:
        broken.setattr(store.files, "commit", fails)
        with pytest.raises(StoreUnavailable):
            sealer.change_hold(change, NOW_MS)
    assert (kwh(), store.sites.resolve([KEY])[0].hold_ms) == (0, 10_000)
    sealer.change_hold(change, NOW_MS)
    assert kwh() == pytest.approx(0.6 * 199 / 60)
    store.close()
    again = open_store(tmp_path / "home", now_ms=lambda: NOW_MS)
    found = again.sites.resolve([KEY])[0]
    assert (found.hold_ms, found.hold_by) == (180_000, "person")
    again.close()


@pytest.mark.parametrize(
    ("step_ms", "then"),
    [(60_000, (180_000, "learnt")), (600_000, (10_000, "default")), (0, (10_000, "default"))],
)
def test_a_hold_that_is_given_back_is_what_the_rhythm_asks_for(tmp_path, step_ms, then):
    store = opened(tmp_path / "home")
    sealer = Sealer(store)
    if step_ms:
        store.journal.append([every(step_ms)])
    sealer.run(NOW_MS)
    holds = HoldLearner(store, sealer, 10_000)
    holds.decide(1, DAY_MS, NOW_MS)
    holds.give_back(1, NOW_MS)
    channel = store.sites.sites()[0].channels[0]
    assert (channel.hold_ms, channel.hold_by) == then
    energy = store.history.rollup([1], NOW_MS - 3 * DAY_MS, NOW_MS, "1h", "UTC").import_dwms.sum()
    assert (energy > 0) == (then[1] == "learnt")
    store.close()


def test_while_a_past_is_counted_anew_it_is_told_of_which_channel(tmp_path, monkeypatch):
    store = opened(tmp_path / "home")
    sealer = Sealer(store)
    holds = HoldLearner(store, sealer, 10_000)
    store.journal.append([every(60_000)])
    sealer.run(NOW_MS)
    told = []
    commit = store.files.commit

    def noted(*args, **options):
        told.append(holds.recounting)
        return commit(*args, **options)

    monkeypatch.setattr(store.files, "commit", noted)
    assert holds.recounting is None
    holds.decide(1, 30_000, NOW_MS)
    assert (told, holds.recounting) == ([1], None)
    store.close()


@pytest.mark.parametrize(("step_ms", "learnt"), [(60_000, 180_000), (600_000, None), (1000, None)])
def test_a_slow_meter_without_a_counter_is_billed_by_the_hold_that_was_learnt(tmp_path, step_ms, learnt):
    store = opened(tmp_path / "home")
    sealer = Sealer(store)
    store.journal.append([every(step_ms, 30)])
    sealer.run(NOW_MS)
    told = HoldLearner(store, sealer, 10_000).run([1], NOW_MS)
    assert [one.hold_ms for one in told] == ([] if learnt is None else [learnt])
    if learnt is not None:
        channel = store.sites.sites()[0].channels[0]
        assert (channel.hold_ms, channel.hold_by) == (learnt, "learnt")
        assert HoldLearner(store, sealer, 10_000).run([1], NOW_MS) == []
    store.close()


def test_what_a_person_decided_is_not_learnt_over(tmp_path):
    store = opened(tmp_path / "home")
    sealer = Sealer(store)
    store.journal.append([every(60_000)])
    sealer.change_hold(HoldChange(1, 30_000, "person"), NOW_MS)
    assert HoldLearner(store, sealer, 10_000).run([1], NOW_MS) == []
    store.close()


def test_the_watch_tells_once_who_is_mostly_silent():
    watch = QualityWatch()

    def heard(step_ms: int, n: int, end_ms: int) -> None:
        readings = every(step_ms, n, end_ms)
        for at in range(n):
            watch.saw(readings.where(slice(at, at + 1)), np.array([10_000]), int(readings.time_ms[at]))

    heard(60_000, 20, NOW_MS)
    assert watch.mostly_silent() == []
    heard(60_000, 2, NOW_MS + 180_000)
    assert watch.mostly_silent() == [1]
    heard(60_000, 5, NOW_MS + 600_000)
    assert watch.mostly_silent() == []
    watch.forget_gaps([1, 99_999])
    quality = watch.of(1)
    assert quality is not None
    assert (quality.gaps, quality.gap_ms) == (0, 0)


async def test_a_person_changes_a_hold_and_bill_and_live_follow(tmp_path):
    from_ms = NOW_MS - NOW_MS % QUARTER_MS - DAY_MS
    site = {"timezone": "Asia/Seoul", "tariff": "kr.kepco.residential.low"}
    with served(tmp_path, np.full(96, 600), from_ms, from_ms + DAY_MS, **site) as house:
        await house.live.start()

        async def after(hold_ms: int) -> tuple[float, float]:
            told = await house.ask("PATCH", "/sites/1/channels/1", {"hold_ms": hold_ms})
            (channel,) = told["channels"]
            assert (channel["hold_ms"], channel["hold_by"], channel["role"]) == (hold_ms, "person", "main")
            await house.live.tick()
            now, bill = [await house.ask("GET", f"/sites/1/{of}") for of in ("now", "bill")]
            return now["period"]["kwh"], bill["usage"]["kwh"]

        assert await after(MINUTE_MS) == (0, 0)
        assert await after(QUARTER_MS) == (pytest.approx(14.4), pytest.approx(14.4))
        for wrong in (999, DAY_MS + 1, "ten"):
            await house.ask("PATCH", "/sites/1/channels/1", {"hold_ms": wrong}, 422)
        told = await house.ask("PATCH", "/sites/1/channels/1", {"role": "plug"})
        assert [(c["role"], c["hold_ms"]) for c in told["channels"]] == [("plug", QUARTER_MS)]
        told = await house.ask("PATCH", "/sites/1/channels/1", {"hold_ms": None})
        found = [(c["hold_ms"], c["hold_by"], c["recounting"]) for c in told["channels"]]
        assert found == [(10_000, "default", False)]
