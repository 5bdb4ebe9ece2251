"""Price series in the catalog, a row an interval; implements ports.PriceBook."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from sqlalchemy import Connection, delete, func, insert, select

from chowon.domain.quantities import HOUR_MS
from chowon.domain.records import KeptSeries, PriceRow, Written, check_series_name
from chowon.store.catalog.engine import Catalog
from chowon.store.catalog.revisions import grow, revision_of
from chowon.store.catalog.tables import prices

_BOOK: Final = "prices"
_ROWS: Final = 5_000
"""Written by one statement"""


class CatalogPrices:
    """The price book."""

    def __init__(self, catalog: Catalog, now_ms: Callable[[], int]) -> None:
        self._catalog = catalog
        self._now_ms = now_ms

    def series(self) -> list[KeptSeries]:
        """Every series that is kept, by name."""
        columns = prices.c
        spans = select(
            columns.series,
            func.min(columns.start_ms).label("from_ms"),
            func.max(columns.start_ms + columns.step_ms).label("to_ms"),
            func.count().label("intervals"),
            func.max(columns.written_ms).label("written_ms"),
        ).group_by(columns.series)
        with self._catalog.reading() as connection:
            rows = connection.execute(spans.order_by(columns.series)).all()
            return [
                KeptSeries(
                    r.series, r.from_ms, r.to_ms, r.intervals, _written(connection, r.series, r.written_ms)
                )
                for r in rows
            ]

    def rows(self, name: str, from_ms: int, to_ms: int) -> list[PriceRow]:
        """The intervals that overlap [from, to), in order of time; none for an unknown series."""
        columns = prices.c
        found = (
            select(columns.start_ms, columns.step_ms, columns.price)
            .where(
                columns.series == name,
                columns.start_ms > from_ms - HOUR_MS,
                columns.start_ms < to_ms,
                columns.start_ms + columns.step_ms > from_ms,
            )
            .order_by(columns.start_ms)
        )
        with self._catalog.reading() as connection:
            return [PriceRow(start, step, Decimal(price)) for start, step, price in connection.execute(found)]

    def put(
        self, name: str, rows: Sequence[PriceRow], by: str, instead_of: tuple[int, int] | None = None
    ) -> None:
        """Keep these intervals; others that they overlap go, and all in the span [from, to) `instead_of`.

        Putting the same again changes no price. Errors: BadInput for a name that cannot be.
        """
        check_series_name(name)
        ordered = sorted(rows, key=lambda row: row.start_ms)
        told = {"series": name, "written_ms": self._now_ms(), "written_by": by}
        spans = [*_runs(ordered), *([] if instead_of is None else [instead_of])]
        with self._catalog.writing() as connection:
            for from_ms, to_ms in spans:
                _clear(connection, name, from_ms, to_ms)
            for n in range(0, len(ordered), _ROWS):
                values = [
                    told | {"start_ms": r.start_ms, "step_ms": r.step_ms, "price": format(r.price, "f")}
                    for r in ordered[n : n + _ROWS]
                ]
                connection.execute(insert(prices), values)
            grow(connection, _BOOK)

    def revision(self) -> int:
        """Grows with every change."""
        with self._catalog.reading() as connection:
            return revision_of(connection, _BOOK)


def _written(connection: Connection, name: str, at_ms: int) -> Written:
    by = select(prices.c.written_by).where(prices.c.series == name, prices.c.written_ms == at_ms).limit(1)
    return Written(at_ms, connection.execute(by).scalar_one())


def _runs(rows: Sequence[PriceRow]) -> Iterator[tuple[int, int]]:
    """The spans that rows, in order of time, cover without a gap."""
    start_ms = None
    for n, row in enumerate(rows):
        start_ms = row.start_ms if start_ms is None else start_ms
        if n + 1 == len(rows) or rows[n + 1].start_ms != row.end_ms:
            yield start_ms, row.end_ms
            start_ms = None


def _clear(connection: Connection, name: str, from_ms: int, to_ms: int) -> None:
    connection.execute(
        delete(prices).where(
            prices.c.series == name,
            prices.c.start_ms > from_ms - HOUR_MS,
            prices.c.start_ms < to_ms,
            prices.c.start_ms + prices.c.step_ms > from_ms,
        )
    )
