import numpy as np
import pytest

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64
from chowon.domain.readings import QUANTITIES, QUANTITIES_I64, Readings, empty
from chowon.errors import BadInput, Damaged
from chowon.store.batches import END_MS, decode, encode


def full() -> Readings:
    columns = {
        name: np.array([1, ABSENT_I64 if name in QUANTITIES_I64 else ABSENT_I32, -7]).astype(
            np.int64 if name in QUANTITIES_I64 else np.int32
        )
        for name in QUANTITIES
    }
    return Readings(np.array([1, 2**32 - 1, 7], np.uint32), np.array([0, 5, END_MS - 1]), **columns)


@pytest.mark.parametrize("leave_out", [*QUANTITIES, None])
def test_a_batch_comes_back_as_it_went_in_also_without_a_column(leave_out: str | None) -> None:
    columns = {name: full().column(name) for name in QUANTITIES if name != leave_out}
    batch = Readings(full().channel, full().time_ms, **columns)  # type: ignore[arg-type]
    back = decode(encode(batch))
    for name in ("channel", "time_ms", *QUANTITIES):
        found, expected = getattr(back, name), getattr(batch, name)
        assert (found is None) == (expected is None)
        if expected is not None:
            assert found.dtype == expected.dtype
            assert found.tolist() == expected.tolist()


def test_no_readings_are_a_batch_too() -> None:
    assert len(decode(encode(empty()))) == 0


@pytest.mark.parametrize("time_ms", [-1, END_MS, -(2**63), 2**63 - 1])
def test_a_time_that_no_meter_can_mean_is_refused_before_it_can_block_sealing(time_ms: int) -> None:
    with pytest.raises(BadInput, match="before the year 2100"):
        encode(Readings(np.array([1], np.uint32), np.array([time_ms])))


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(BadInput, match="power_dw"):
        encode(Readings(np.array([1], np.uint32), np.array([1]), power_dw=np.zeros(2, np.int32)))


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b[:3], lambda b: b"\x02" + b[1:]])
def test_bytes_of_another_length_or_layout_are_damaged(damage) -> None:
    with pytest.raises(Damaged):
        decode(damage(encode(full())))
