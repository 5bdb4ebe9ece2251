"""The frames of EnerTalk meters: the layout byte by byte, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64
from chowon.errors import PayloadRejected
from chowon.meters import enertalk
from chowon.meters.decoded import Envelope
from chowon.meters.enertalk import EnerTalk, Telemetry
from chowon.meters.registry import found

T_MS = 1_795_400_000_000
DEVICE = "8472072400010203a4b5"
TOLD = Telemetry(
    device=DEVICE,
    time_ms=T_MS,
    frequency_chz=5997,
    voltage_mv=221_345,
    current_ma=5_801,
    energy_milliwh=14_834_211_500,
    power_mw=np.arange(15) * 1_000 + 1_284_000,
    reactive_var=np.arange(15) - 93,
)
FRAME = enertalk.telemetry(TOLD, mark=0xF0)


def changed(at: int, value: str) -> bytes:
    new = bytes.fromhex(value)
    return FRAME[:at] + new + FRAME[at + len(new) :]


def refusal(payload: bytes) -> str:
    with pytest.raises(PayloadRejected) as refused:
        enertalk.DECODER.decode(payload, Envelope(T_MS))
    return refused.value.problems[0].where


def test_a_frame_of_fifteen_sub_samples_is_laid_out_as_the_capture_was():
    assert len(FRAME) == 312
    assert FRAME[:4] == bytes.fromhex("03 40 01 38")
    assert FRAME[4] == 0xF0
    assert FRAME[6:16] == bytes.fromhex(DEVICE)
    assert FRAME[20:22] == (5997).to_bytes(2, "big")
    assert FRAME[24:32] == T_MS.to_bytes(8, "big")
    assert FRAME[32:36] == (15).to_bytes(4, "big")
    assert FRAME[40:44] == (221_345).to_bytes(4, "big")
    assert FRAME[44:48] == (5_801).to_bytes(4, "big")
    assert FRAME[48:56] == (14_834_211_500).to_bytes(8, "big")
    assert FRAME[72:80] == (1_284_000).to_bytes(4, "big") + (-93).to_bytes(4, "big", signed=True)
    assert FRAME[-16:] == (1_298_000).to_bytes(4, "big") + (-79).to_bytes(4, "big", signed=True) + bytes(8)


def test_an_acknowledgement_carries_the_mark_raised_by_32_and_the_clock_once():
    assert enertalk.acknowledgement(FRAME) == bytes.fromhex("03 80 0008 10 000000")
    with_clock = enertalk.acknowledgement(FRAME, T_MS)
    assert with_clock == bytes.fromhex("03 80 0010 10 000000") + T_MS.to_bytes(8, "big")
    assert enertalk.acknowledgement(enertalk.hello(DEVICE, 1))[4] == 0x21


def test_a_frame_is_one_reading_of_its_mean_unless_each_is_wanted():
    mean = EnerTalk("mean").decode(FRAME, Envelope(T_MS + 300))
    assert [str(key) for key in mean.keys] == [f"~enertalk/{DEVICE}/main"]
    assert mean.time_ms.tolist() == [T_MS]
    assert {name: column.tolist() for name, column in mean.columns.items()} == {
        "power_dw": [12_910],
        "reactive_dvar": [-860],
        "voltage_dv": [2_213],
        "current_ma": [5_801],
        "frequency_mhz": [59_970],
        "import_milliwh": [14_834_211_500],
    }


def test_each_sub_sample_lies_in_the_second_that_ends_with_the_stamp():
    each = EnerTalk("each").decode(FRAME, Envelope(T_MS + 300))
    assert len(each) == 15
    assert each.time_ms[-1] == T_MS
    assert each.time_ms[0] > T_MS - 1_000
    assert set(np.diff(each.time_ms).tolist()) == {66, 67}
    assert each.columns["power_dw"].tolist() == [12_840 + 10 * n for n in range(15)]
    assert each.columns["reactive_dvar"].tolist() == [10 * n - 930 for n in range(15)]
    assert each.columns["voltage_dv"].tolist() == [ABSENT_I32] * 14 + [2_213]
    assert each.columns["import_milliwh"].tolist() == [ABSENT_I64] * 14 + [14_834_211_500]


def test_of_two_frames_a_second_apart_no_sub_samples_meet():
    later = enertalk.telemetry(replace(TOLD, time_ms=T_MS + 1_000))
    decoder = EnerTalk("each")
    times = [decoder.decode(f, Envelope(T_MS)).time_ms for f in (FRAME, later)]
    assert len(np.unique(np.concatenate(times))) == 30


@pytest.mark.parametrize("time_ms", [0, 86_400_000, enertalk.CLOCK_SET_MS - 1])
def test_a_clock_that_was_never_set_gives_way_to_the_time_of_receipt(time_ms):
    frame = enertalk.telemetry(replace(TOLD, time_ms=time_ms))
    assert enertalk.DECODER.decode(frame, Envelope(T_MS)).time_ms.tolist() == [T_MS]


def test_a_counter_out_of_bounds_costs_the_one_reading_that_would_carry_it():
    frame = enertalk.telemetry(replace(TOLD, energy_milliwh=2**64 - 1))
    each = EnerTalk("each").decode(frame, Envelope(T_MS))
    assert (len(each), each.rejected) == (14, 1)
    assert [p.where for p in each.problems] == ["sub-samples[14].import_wh"]


def test_a_frame_without_sub_samples_has_no_power_rather_than_none_used():
    none = np.zeros(0, np.int64)
    frame = enertalk.telemetry(replace(TOLD, power_mw=none, reactive_var=none))
    for samples in ("mean", "each"):
        decoded = EnerTalk(samples).decode(frame, Envelope(T_MS))
        assert len(decoded) == 1
        assert "power_dw" not in decoded.columns
        assert decoded.columns["voltage_dv"].tolist() == [2_213]


def test_a_recorded_frame_may_be_posted_by_its_content_type():
    assert found().of_content_type("application/vnd.enertalk.frame; v=1") is enertalk.DECODER


def test_a_hello_is_nothing_and_no_fault():
    decoded = enertalk.DECODER.decode(enertalk.hello(DEVICE), Envelope(T_MS))
    assert (len(decoded), decoded.rejected, decoded.problems) == (0, 0, ())


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"", "header"),
        (FRAME[:3], "header"),
        (FRAME[:311], "bytes 2–3, length"),
        (FRAME + b"\0", "bytes 2–3, length"),
        (changed(0, "04"), "byte 0, version"),
        (changed(1, "41"), "byte 1, kind"),
        (changed(2, "0004"), "bytes 2–3, length"),
        (changed(2, "2001"), "bytes 2–3, length"),
        (changed(2, "0037")[:55], "bytes 2–3, length"),
        (changed(32, "00000011"), "bytes 32–35, sub-samples"),
        (changed(32, "ffffffff"), "bytes 32–35, sub-samples"),
    ],
    ids=[
        "nothing",
        "half a header",
        "truncated",
        "a byte too many",
        "another version",
        "an unknown kind",
        "shorter than a frame can be",
        "longer than a frame may be",
        "telemetry without its values",
        "a sub-sample too many",
        "four milliards of sub-samples",
    ],
)
def test_a_frame_that_lies_is_refused_by_the_place_of_the_lie(payload, where):
    assert refusal(payload) == where


def test_the_longest_frame_is_read_and_a_sub_sample_more_would_be_too_long():
    n = (enertalk.LONGEST - enertalk.SAMPLES_FROM) // enertalk.SAMPLE_BYTES
    full = replace(TOLD, power_mw=np.full(n, 5_000), reactive_var=np.zeros(n, np.int64))
    assert len(EnerTalk("each").decode(enertalk.telemetry(full), Envelope(T_MS))) == n
    more = replace(TOLD, power_mw=np.zeros(n + 1, np.int64), reactive_var=np.zeros(n + 1, np.int64))
    assert refusal(enertalk.telemetry(more)) == "bytes 2–3, length"
