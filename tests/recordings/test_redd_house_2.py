"""REDD house 2 (Massachusetts, 2011): real mains every 3 s, real gaps. Read where present, never shipped."""

import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from chowon.replay.recording import Recording

HOUSE_2 = Path(__file__).parents[2].parent / "shared" / "data" / "redd" / "house2.parquet"
pytestmark = pytest.mark.skipif(
    not HOUSE_2.exists() and os.environ.get("CI") != "true", reason="the shared recordings are not here"
)


@pytest.fixture(scope="module")
def raw() -> tuple[np.ndarray, np.ndarray]:
    table = pq.read_table(HOUSE_2, columns=["timestamp", "mains"])
    return table["timestamp"].cast(pa.int64()).to_numpy(), table["mains"].to_numpy().astype(np.float64)


def test_its_gaps_are_found(raw):
    time_ms, _ = raw
    with Recording.open(HOUSE_2) as recording:
        assert (recording.interval_ms, recording.hold_ms) == (3_000, 10_000)
        expected = [(a, b) for a, b in pairwise(time_ms.tolist()) if b - a > 10_000]
        assert list(recording.gaps) == expected
        assert max(b - a for a, b in recording.gaps) > 20 * 86_400_000


def test_its_energy_is_that_of_an_independent_integral(raw):
    time_ms, power_w = raw
    step_h = np.diff(time_ms) / 3_600_000
    trapezoids_wh = (power_w[1:] + power_w[:-1]) / 2 * step_h
    expected_wh = trapezoids_wh[np.diff(time_ms) <= 10_000].sum()
    with Recording.open(HOUSE_2) as recording:
        assert recording.energy_wh(recording.start_ms, recording.end_ms) == pytest.approx(
            expected_wh, rel=0.001
        )
