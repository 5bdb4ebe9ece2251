"""What every decoder's result keeps, whatever went in: for the laws and for fuzzing."""

import numpy as np

from chowon.domain.quantities import ABSENT_I32, ABSENT_I64
from chowon.domain.sites import UNPLACED
from chowon.meters import influx_line
from chowon.meters.checks import AHEAD_MS, EARLIEST_MS, Rows, checked
from chowon.meters.decoded import MAX_PROBLEMS, Decoded, Envelope, Findings
from chowon.meters.fields import BY_COLUMN, is_key

NOW_MS = 1_795_400_000_000


def holds(decoded: Decoded) -> None:
    """Errors: AssertionError."""
    n = len(decoded)
    assert decoded.time_ms.dtype == np.int64
    assert decoded.key_index.shape == (n,)
    assert decoded.key_index.dtype == np.uint32
    assert n == 0 or decoded.key_index.max() < len(decoded.keys)
    assert len(set(decoded.keys)) == len(decoded.keys)
    for key in decoded.keys:
        assert is_key(key.site.removeprefix(UNPLACED))
        assert is_key(key.meter)
        assert is_key(key.channel)
    assert ((decoded.time_ms >= EARLIEST_MS) & (decoded.time_ms <= NOW_MS + AHEAD_MS)).all()
    some = np.zeros(n, np.bool_)
    for name, column in decoded.columns.items():
        field = BY_COLUMN[name]
        assert column.shape == (n,)
        assert column.dtype == (np.int32 if field.is_i32 else np.int64)
        here = column != (ABSENT_I32 if field.is_i32 else ABSENT_I64)
        some |= here
        assert (column[here] >= field.low * field.scale).all()
        assert (column[here] <= field.high * field.scale).all()
    assert some.all(), "a reading without any quantity"
    assert len(decoded.problems) <= MAX_PROBLEMS + 1
    assert bool(decoded.problems) == bool(decoded.rejected)


def lines_agree(payload: bytes, envelope: Envelope) -> None:
    """Line protocol means the same read as columns, as a table and line by line. Errors: AssertionError."""
    for rows in (influx_line.in_columns(payload, envelope), influx_line.in_grid(payload, envelope)):
        if rows is not None:
            _agree(rows, payload, envelope)


def _agree(rows: Rows, payload: bytes, envelope: Envelope) -> None:
    quick, exact = checked(rows, envelope, Findings()), influx_line.exactly(payload, envelope)
    assert (quick.keys, quick.problems, quick.rejected) == (exact.keys, exact.problems, exact.rejected)
    assert quick.key_index.tolist() == exact.key_index.tolist()
    assert quick.time_ms.tolist() == exact.time_ms.tolist()
    assert list(quick.columns) == list(exact.columns)
    assert {n: c.tolist() for n, c in quick.columns.items()} == {
        n: c.tolist() for n, c in exact.columns.items()
    }
