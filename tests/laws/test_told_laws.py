"""Whatever is told again, merged and opened anew: each minute is as it was told last."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldMinutes
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.sites import ChannelKey
from chowon.jobs.seal import Sealer
from chowon.store.opening import open_reader, open_store
from chowon.store.told import ToldBook

MIDNIGHT_MS = 1_790_726_400_000
"""The last day of a month begins: what is told reaches over two months, which are files of their own"""
STEP_MIN = 480
MINUTES = 6 * STEP_MIN
KINDS = ("fridge", "kettle", "washing_machine")
watts = st.lists(st.one_of(st.none(), st.integers(0, 40_000)), min_size=1, max_size=3)
spans = st.tuples(
    st.sampled_from([1, 2]), st.integers(2, 3), st.dictionaries(st.sampled_from(KINDS), watts, min_size=1)
)
happens = st.one_of(
    st.lists(spans, min_size=1, max_size=3), st.sampled_from(["merges", "merges late", "reopens"])
)


@settings(max_examples=30, deadline=None)
@given(st.lists(happens, min_size=2, max_size=8), st.sampled_from([1, 2]))
def test_each_minute_is_as_it_was_told_last(course, shards):
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(Path(folder), shards=shards)
        expected: dict[tuple[int, str], np.ndarray] = {}
        try:
            for site in ("one", "two"):
                store.sites.register(ChannelKey(site, "m", "main"), 10_000)
            for what in [*course, "merges late"]:
                sealer = Sealer(store, small_files=1)
                if what == "reopens":
                    store.close()
                    store = open_store(Path(folder), shards=shards)
                elif isinstance(what, str):
                    sealer.run(MIDNIGHT_MS + (100 * DAY_MS if what == "merges late" else 0))
                else:
                    told = [_told(*one) for one in what]
                    ToldBook(store.told, shards, sealer.add).keep([], told)
                    for one in told:
                        _expect(expected, one)
            assert _all(store.told) == {key: w.tolist() for key, w in expected.items() if (w >= 0).any()}
            reader = open_reader(Path(folder))
            assert _all(reader.told) == _all(store.told)
            reader.close()
        finally:
            store.close()


def _told(site: int, step: int, power_dw: dict[str, list[int | None]]) -> ToldMinutes:
    """A third of a day, in which each kind took these one after the other, evenly."""
    start_ms = MIDNIGHT_MS + step * STEP_MIN * MINUTE_MS
    power = {}
    for kind, found in power_dw.items():
        dw = np.resize(np.array([-1 if one is None else one for one in found]), STEP_MIN)
        power[kind] = Power(start_ms, MINUTE_MS, np.maximum(dw, 0) / 10, dw >= 0)
    return ToldMinutes(site, start_ms, STEP_MIN, power)


def _expect(expected: dict[tuple[int, str], np.ndarray], told: ToldMinutes) -> None:
    """0.1 W of each minute, -1 where nothing is told."""
    begin = (told.start_ms - MIDNIGHT_MS) // MINUTE_MS
    for kind in KINDS:
        dw = expected.setdefault((told.site_id, kind), np.full(MINUTES, -1))
        power = told.power.get(kind)
        dw[begin : begin + STEP_MIN] = (
            -1 if power is None else np.where(power.known, np.rint(power.power_w * 10), -1)
        )


def _all(book) -> dict[tuple[int, str], list[int]]:
    return {
        (site, kind): np.where(power.known, np.rint(power.power_w * 10), -1).astype(int).tolist()
        for site in (1, 2)
        for kind, power in book.minutes(site, MIDNIGHT_MS, MIDNIGHT_MS + MINUTES * MINUTE_MS).items()
        if power.known.any()
    }
