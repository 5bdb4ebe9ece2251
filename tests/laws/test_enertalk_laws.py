"""Laws of EnerTalk frames: what is written is read the same, and a lie in any byte is told or harmless."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chowon.errors import PayloadRejected
from chowon.meters import enertalk
from chowon.meters.decoded import Envelope
from chowon.meters.enertalk import EnerTalk, Telemetry

NOW_MS = 1_795_400_000_000
I32 = st.integers(-(2**31), 2**31 - 1)
U32 = st.integers(0, 2**32 - 1)
samples = st.lists(st.tuples(I32, I32), max_size=40)
told = st.builds(
    lambda device, time_ms, frequency, voltage, current, energy, power: Telemetry(
        device.hex(),
        time_ms,
        frequency,
        voltage,
        current,
        energy,
        np.array([mw for mw, _ in power], np.int64),
        np.array([var for _, var in power], np.int64),
    ),
    st.binary(min_size=10, max_size=10),
    st.integers(0, 2**62),
    st.integers(0, 2**16 - 1),
    U32,
    U32,
    st.integers(0, 2**62),
    samples,
)


@settings(deadline=None)
@given(said=told, mark=st.integers(0, 255))
def test_what_a_meter_writes_is_read_the_same(said: Telemetry, mark: int) -> None:
    frame = enertalk.telemetry(said, mark)
    assert enertalk.size_of(frame) == len(frame)
    heard = enertalk.parsed(frame)
    for name in ("device", "time_ms", "frequency_chz", "voltage_mv", "current_ma", "energy_milliwh"):
        assert getattr(heard, name) == getattr(said, name)
    assert heard.power_mw.tolist() == said.power_mw.tolist()
    assert heard.reactive_var.tolist() == said.reactive_var.tolist()
    answer = enertalk.acknowledgement(frame)
    assert answer[4] == (mark + 0x20) % 256
    assert enertalk.kind_of(answer) == enertalk.ACKNOWLEDGEMENT


@settings(deadline=None)
@given(said=told)
def test_the_mean_of_a_frame_is_that_of_its_sub_samples(said: Telemetry) -> None:
    frame = enertalk.telemetry(said)
    mean, each = (EnerTalk(samples).decode(frame, Envelope(NOW_MS)) for samples in ("mean", "each"))
    n = len(said.power_mw)
    assert len(mean) + mean.rejected == 1
    assert len(each) + each.rejected == max(n, 1)
    if not mean.rejected and n:
        got_dw = int(mean.columns["power_dw"][0])
        assert abs(got_dw * 100 * n - int(said.power_mw.sum())) <= 50 * n


@settings(deadline=None)
@given(said=told, at=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_lie_in_any_byte_is_told_or_harmless(said: Telemetry, at: int, byte: int, cut: int) -> None:
    frame = bytearray(enertalk.telemetry(said))
    frame[at % len(frame)] = byte
    for payload in (bytes(frame), bytes(frame[: cut % (len(frame) + 1)])):
        for decoder in (EnerTalk("mean"), EnerTalk("each")):
            try:
                decoded = decoder.decode(payload, Envelope(NOW_MS))
            except PayloadRejected as refused:
                if not refused.problems:
                    pytest.fail("a frame is refused without a reason")
            else:
                assert len(np.unique(decoded.time_ms)) == len(decoded)
                assert bool(decoded.problems) == bool(decoded.rejected)
