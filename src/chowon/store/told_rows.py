"""What nights told by the minute, as Arrow tables with the lake's schema, and back.

A row is a minute of a site, a column a kind of appliance, int32 in 0.1 W; null where it could not be told, or
was not looked for.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldMinutes, in_deciwatts
from chowon.domain.quantities import MINUTE_MS
from chowon.store.columns import TIME, last_of_key

_DW: Final = "_dw"


def table_of_told(spans: Sequence[ToldMinutes]) -> pa.Table:
    """site uint32, start timestamp[ms, UTC], then `kind_dw` of each kind; sorted, of equal keys the last."""
    return newest_told([_table(span) for span in spans])


def told_of_table(table: pa.Table, start_ms: int, minutes: int) -> dict[str, Power]:
    """By kind, of the rows of one site, which lie in the span."""
    place = (table["start"].cast(pa.int64()).to_numpy() - start_ms) // MINUTE_MS
    found = {}
    for name in table.column_names[2:]:
        power_w, known = np.zeros(minutes), np.zeros(minutes, np.bool_)
        known[place] = table[name].is_valid().to_numpy()
        power_w[place] = table[name].fill_null(0).to_numpy() / 10
        found[kind_of(name)] = Power(start_ms, MINUTE_MS, power_w, known)
    return found


def newest_told(parts: Sequence[pa.Table]) -> pa.Table:
    """All parts with the columns of all, sorted by (site, start); of equal keys the last part counts."""
    wanted = sorted({name for part in parts for name in part.column_names[2:]})
    schema = pa.schema([("site", pa.uint32()), ("start", TIME), *((name, pa.int32()) for name in wanted)])
    even = [pa.table([_column(part, field) for field in schema], schema=schema) for part in parts]
    table = pa.concat_tables([schema.empty_table(), *even]).combine_chunks()
    index = last_of_key(table["site"].to_numpy(), table["start"].cast(pa.int64()).to_numpy())
    return table if index is None else table.take(pa.array(index))


def kind_of(column: str) -> str:
    """The kind of appliance whose column is called so."""
    return column.removesuffix(_DW)


def _column(part: pa.Table, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    return part[field.name] if field.name in part.column_names else pa.nulls(len(part), field.type)


def _table(span: ToldMinutes) -> pa.Table:
    times = span.start_ms + MINUTE_MS * np.arange(span.minutes, dtype=np.int64)
    columns = {
        "site": pa.array(np.full(span.minutes, span.site_id, np.uint32)),
        "start": pa.array(times).cast(TIME),
    }
    for kind, power in span.power.items():
        columns[f"{kind}{_DW}"] = pa.array(in_deciwatts(power.power_w), mask=~power.known)
    return pa.table(columns)
