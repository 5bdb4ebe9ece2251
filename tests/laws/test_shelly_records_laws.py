"""Laws of what a Shelly meter had stored: its energy is kept; any answer gives readings or a reason."""

import json
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.errors import PayloadRejected
from chowon.meters import shelly_records
from chowon.meters.decoded import Decoded, Envelope
from tests.devices import NOW_MS, rows

START_S = NOW_MS // 1000 - 86_400


def _decoded(payload: bytes, kind: Literal["emdata", "em1data"]) -> Decoded:
    return shelly_records.decode(
        payload, "shellypro3em-x", kind, 0, Envelope(NOW_MS), start_ms=0, end_ms=NOW_MS
    )


_wh = st.none() | st.integers(0, 400_000).map(lambda n: n / 1000)


@settings(deadline=None)
@given(
    energy=st.lists(st.tuples(_wh, _wh), min_size=1, max_size=20),
    period_s=st.sampled_from([60, 300]),
)
def test_the_readings_hold_the_energy_that_was_stored(
    energy: list[tuple[float | None, float | None]], period_s: int
) -> None:
    values = [list(pair) for pair in energy]
    block = {"ts": START_S, "period": period_s, "values": values}
    answer = json.dumps({"keys": ["total_act_energy", "total_act_ret_energy"], "data": [block]}).encode()
    found = rows(_decoded(answer, "em1data"))
    known = [(n, a, r) for n, (a, r) in enumerate(energy) if a is not None and r is not None]
    assert [row["time"] for row in found] == [(START_S + n * period_s) * 1000 for n, _, _ in known]
    for row, (_, taken, given_) in zip(found, known, strict=True):
        assert row["power_w"] * period_s / 3600 == pytest.approx(
            taken - given_, abs=0.05 * period_s / 3600 + 1e-9
        )


_ANSWER = json.dumps(
    {
        "keys": ["a_total_act_energy", "b_total_act_energy", "c_total_act_energy"],
        "data": [{"ts": START_S, "period": 60, "values": [[1, 2, 3], [None, 0, 1]]}],
        "data_blocks": [{"ts": START_S, "period": 60, "records": 2}],
        "next_record_ts": START_S + 120,
    }
).encode()


@settings(deadline=None)
@given(data=st.data())
def test_a_damaged_answer_gives_a_reason_and_nothing_else(data: st.DataObject) -> None:
    payload = bytearray(_ANSWER)
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    raw = bytes(payload[: data.draw(st.integers(0, len(payload)))])
    for read in (
        shelly_records.blocks,
        shelly_records.next_ms,
        lambda payload: _decoded(payload, "emdata"),
    ):
        try:
            read(raw)
        except PayloadRejected as refused:
            if not refused.problems:
                pytest.fail("an answer is refused without a reason")
