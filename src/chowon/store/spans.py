"""Which rows belong into which file of the lake."""

from collections.abc import Iterator

import numpy as np

from chowon.domain.quantities import DAY_MS, I64, U32
from chowon.store.catalog.files import Kind


def split(channel: U32, time_ms: I64, kind: Kind, shards: int) -> Iterator[tuple[str, int, I64]]:
    """(span, shard, indices in order) of each file's rows; spans are UTC days (raw) or months."""
    if kind == "raw":
        span = time_ms // DAY_MS
    else:
        span = time_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    if not len(span):
        return
    key = span * shards + channel % np.uint32(shards)
    order = np.argsort(key, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(key[order])) + 1):
        which, shard = divmod(int(key[rows[0]]), shards)
        yield str(np.datetime64(which, "D" if kind == "raw" else "M")), shard, rows
