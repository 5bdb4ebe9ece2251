"""A batch of readings as bytes, the way the journal keeps it.

Little endian, in this order, nothing between:

    u8   layout, 1
    u8   0
    u16  which quantities follow: bit n stands for QUANTITIES[n]
    u32  rows
    i64  × rows   time, ms since 1970 UTC
    i64  × rows   each int64 quantity that is there
    u32  × rows   channel
    i32  × rows   each int32 quantity that is there

Single absent values keep the numbers ABSENT_I32 and ABSENT_I64.
"""

import struct
from typing import Final

import numpy as np

from chowon.domain.quantities import I32, I64
from chowon.domain.readings import QUANTITIES, QUANTITIES_I32, QUANTITIES_I64, Readings
from chowon.errors import BadInput, Damaged

LAYOUT: Final = 1
FIRST_MS: Final = 0
END_MS: Final = 4_102_444_800_000
"""2100-01-01. Readings outside [FIRST_MS, END_MS) come from a broken clock and are refused."""

_HEADER: Final = struct.Struct("<BBHI")
_BIT: Final = {name: 1 << n for n, name in enumerate(QUANTITIES)}


def encode(readings: Readings) -> bytes:
    """The batch as bytes. Errors: BadInput for columns of unequal length or times no meter can mean."""
    _check(readings)
    present = [name for name in (*QUANTITIES_I64, *QUANTITIES_I32) if readings.column(name) is not None]
    parts = [_HEADER.pack(LAYOUT, 0, sum(_BIT[name] for name in present), len(readings))]
    parts.append(readings.time_ms.astype("<i8", copy=False).tobytes())
    parts.extend(_bytes_of(readings, name, "<i8") for name in present if name in QUANTITIES_I64)
    parts.append(readings.channel.astype("<u4", copy=False).tobytes())
    parts.extend(_bytes_of(readings, name, "<i4") for name in present if name in QUANTITIES_I32)
    return b"".join(parts)


def decode(data: bytes) -> Readings:
    """The batch that `encode` wrote; its arrays are read-only. Errors: Damaged."""
    if len(data) < _HEADER.size:
        raise Damaged(f"a batch of {len(data)} bytes is shorter than its header of {_HEADER.size}")
    layout, _, mask, rows = _HEADER.unpack_from(data)
    if layout != LAYOUT or mask >> len(QUANTITIES):
        raise Damaged(
            f"a batch has layout {layout} with columns {mask:#x}; this chowon knows layout {LAYOUT}"
        )
    names_64 = [name for name in QUANTITIES_I64 if mask & _BIT[name]]
    names_32 = [name for name in QUANTITIES_I32 if mask & _BIT[name]]
    expected = _HEADER.size + rows * (12 + 8 * len(names_64) + 4 * len(names_32))
    if len(data) != expected:
        raise Damaged(f"a batch of {rows} rows has {len(data)} bytes, expected {expected}")
    at = _HEADER.size
    columns: dict[str, I32 | I64] = {}
    for name in ("time_ms", *names_64):
        columns[name] = np.frombuffer(data, "<i8", rows, at)
        at += 8 * rows
    channel = np.frombuffer(data, "<u4", rows, at)
    at += 4 * rows
    for name in names_32:
        columns[name] = np.frombuffer(data, "<i4", rows, at)
        at += 4 * rows
    return Readings(channel, **columns)  # type: ignore[arg-type]


def _bytes_of(readings: Readings, name: str, dtype: str) -> bytes:
    column = readings.column(name)
    assert column is not None
    return column.astype(dtype, copy=False).tobytes()


def _check(readings: Readings) -> None:
    rows = len(readings)
    for name in ("channel", *QUANTITIES):
        column = getattr(readings, name)
        if column is not None and column.shape != (rows,):
            raise BadInput(f"column {name} has shape {column.shape}, expected ({rows},) as time_ms has")
    if rows and (readings.time_ms.min() < FIRST_MS or readings.time_ms.max() >= END_MS):
        raise BadInput(
            f"times from {readings.time_ms.min()} to {readings.time_ms.max()}; "
            f"expected ms since 1970 UTC in [{FIRST_MS}, {END_MS}), before the year 2100"
        )
