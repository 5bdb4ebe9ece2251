"""What nights told, in the catalog and the lake."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from chowon.domain.nilm.power import Power
from chowon.domain.nilm.told import ToldDay, ToldMinutes, Took, newest
from chowon.domain.quantities import DAY_MS, MINUTE_MS
from chowon.domain.sites import ChannelKey
from chowon.errors import Damaged, StoreUnavailable
from chowon.jobs import compact
from chowon.jobs.seal import Sealer
from chowon.store.catalog.engine import Catalog, open_catalog
from chowon.store.catalog.sites import CatalogSites, SiteDefaults
from chowon.store.catalog.tables import metadata
from chowon.store.catalog.told import CatalogTold
from chowon.store.doctor import examine
from chowon.store.opening import Store, open_reader, open_store
from chowon.store.sql import ask
from chowon.store.told import ToldBook, ToldReader
from tests.postgres import cluster

MIDNIGHT_MS = 1_790_000_000_000 // DAY_MS * DAY_MS
DAY = date(2026, 9, 21)
TOLD = ToldDay(1, DAY, "nightly", 5, "first", "", 3, {"kettle": Took(66_667, 2, 1), "fridge": Took(0, 0, 0)})


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/catalog.sqlite" if sqlite else request.getfixturevalue("postgres")
    catalog = open_catalog(url)
    CatalogSites(catalog, SiteDefaults()).register(ChannelKey("home", "m", "main"), 10_000)
    yield catalog
    with catalog.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    catalog.close()


def test_the_newest_telling_counts_and_the_former_ones_stay(catalog: Catalog):
    book = CatalogTold(catalog)
    other = replace(TOLD, told_by="second", took={"kettle": Took(50_000, 2, 1)})
    live = replace(TOLD, value="settled", told_by="live")
    book.add([TOLD, live])
    book.add([other])
    assert book.days(1, DAY, date(2026, 9, 22)) == [TOLD, live, other]
    assert newest([TOLD, live, other]) == {DAY: other}
    assert newest([TOLD, live, other], "settled") == {DAY: live}


def test_days_are_those_asked_for_of_the_site_asked_for(catalog: Catalog):
    CatalogSites(catalog, SiteDefaults()).register(ChannelKey("other", "m", "main"), 10_000)
    book = CatalogTold(catalog)
    elsewhere = replace(TOLD, site_id=2)
    later = replace(TOLD, day=date(2026, 10, 1), took={})
    book.add([TOLD, elsewhere, later])
    assert book.days(1, DAY, date(2026, 10, 1)) == [TOLD]
    assert book.days(1, date(2026, 9, 22), date(2026, 10, 2)) == [later]
    assert book.days(2, date(2020, 1, 1), date(2030, 1, 1)) == [elsewhere]
    assert book.days(3, date(2020, 1, 1), date(2030, 1, 1)) == []


def test_of_a_site_that_is_not_known_nothing_is_kept(catalog: Catalog):
    with pytest.raises(IntegrityError):
        CatalogTold(catalog).add([TOLD, replace(TOLD, site_id=77)])
    assert CatalogTold(catalog).days(1, DAY, date(2026, 9, 22)) == []


class Book(ToldBook):
    """Of a folder with two sites and two shards."""

    def __init__(self, store: Store) -> None:
        self.sealer = Sealer(store)
        super().__init__(store.told, store.shards, self.sealer.add)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path, shards=2, now_ms=lambda: MIDNIGHT_MS)
    for site in ("one", "two"):
        store.sites.register(ChannelKey(site, "m", "main"), 10_000)
    yield store
    store.close()


def span(site: int, start_ms: int, *, known: bool = True, **watts: list[float]) -> ToldMinutes:
    n = max((len(w) for w in watts.values()), default=3)
    power = {kind: Power(start_ms, MINUTE_MS, np.array(w), np.full(n, known)) for kind, w in watts.items()}
    return ToldMinutes(site, start_ms, n, power)


def watts(book: ToldReader, site: int, start_ms: int, minutes: int = 3) -> dict[str, list[float | None]]:
    found = book.minutes(site, start_ms, start_ms + minutes * MINUTE_MS)
    return {
        kind: [w if k else None for w, k in zip(p.power_w.tolist(), p.known.tolist(), strict=True)]
        for kind, p in found.items()
    }


def test_the_minutes_of_many_sites_and_days_are_one_file_a_month_and_shard(store: Store):
    book = Book(store)
    many = [
        span(site, MIDNIGHT_MS + day * DAY_MS, kettle=[1.0, 2.0, 3.0]) for site in (2, 1) for day in range(9)
    ]
    book.keep([], many)
    files = store.files.snapshot().files
    assert sorted((f.kind, f.span, f.shard) for f in files) == [
        ("told", "2026-09", 0),
        ("told", "2026-09", 1),
    ]
    assert watts(book, 1, MIDNIGHT_MS + DAY_MS) == {"kettle": [1.0, 2.0, 3.0]}
    assert watts(book, 2, MIDNIGHT_MS + DAY_MS + MINUTE_MS, 3) == {"kettle": [2.0, 3.0, None]}


def test_a_span_told_again_is_told_whole_before_and_after_files_are_merged(store: Store):
    book = Book(store)
    book.keep([TOLD], [span(1, MIDNIGHT_MS, kettle=[1.0, 2.0, 3.0], fridge=[5.0, 5.0, 5.0])])
    book.keep([], [span(1, MIDNIGHT_MS, fridge=[6.0, 0.0], kettle=[0.0, 7.5])])
    book.keep([], [span(1, MIDNIGHT_MS + MINUTE_MS, washing_machine=[9.0], known=False)])
    expected = {
        "kettle": [0.0, None, 3.0],
        "fridge": [6.0, None, 5.0],
        "washing_machine": [None, None, None],
    }
    assert watts(book, 1, MIDNIGHT_MS) == expected
    book.sealer.run(MIDNIGHT_MS + 100 * DAY_MS)
    assert len(store.files.snapshot().files) == 1
    assert watts(book, 1, MIDNIGHT_MS) == expected
    assert examine(store, deep=True) == []


def test_files_of_other_kinds_are_merged_also_a_few_sites_at_a_time(store: Store, monkeypatch):
    book = Book(store)
    for site, kind in ((1, "kettle"), (3, "fridge")):  # of one shard
        store.sites.register(ChannelKey(f"site{site}", "m", "main"), 10_000)
        book.keep([], [span(site, MIDNIGHT_MS, **{kind: [1.0, 2.0, 3.0]})])
    monkeypatch.setattr(compact, "CHUNK_ROWS", 3)
    book.sealer.run(MIDNIGHT_MS + 100 * DAY_MS)
    assert len(store.files.snapshot().files) == 1
    assert watts(book, 1, MIDNIGHT_MS) == {"fridge": [None] * 3, "kettle": [1.0, 2.0, 3.0]}
    assert watts(book, 3, MIDNIGHT_MS) == {"fridge": [1.0, 2.0, 3.0], "kettle": [None] * 3}


def test_sql_asks_what_was_told_last_by_kind(store: Store, tmp_path: Path):
    book = Book(store)
    question = "SELECT site, kind, sum(power_w) AS w, count(*) AS n FROM appliances GROUP BY ALL ORDER BY ALL"
    assert ask(store, question).to_pylist() == []
    book.keep([], [span(1, MIDNIGHT_MS, kettle=[1.0, 2.0, 3.0])])
    book.keep([], [span(1, MIDNIGHT_MS, kettle=[0.5], fridge=[8.0]), span(2, MIDNIGHT_MS, fridge=[4.0])])
    rows = [("one", "fridge", 8.0, 1), ("one", "kettle", 5.5, 3), ("two", "fridge", 4.0, 1)]
    reader = open_reader(tmp_path)
    try:
        for asked in (store, reader):
            assert [tuple(row.values()) for row in ask(asked, question).to_pylist()] == rows
        assert watts(reader.told, 2, MIDNIGHT_MS, 1)["fridge"] == [4.0]
    finally:
        reader.close()


def test_minutes_that_cannot_be_listed_leave_no_day_and_no_file(store: Store, tmp_path: Path):
    def fails(files):
        raise StoreUnavailable("no disk")

    book = ToldBook(store.told, store.shards, fails)
    with pytest.raises(StoreUnavailable):
        book.keep([TOLD], [span(1, MIDNIGHT_MS, kettle=[1.0])])
    assert book.days(1, DAY, date(2026, 9, 22)) == []
    Sealer(store).run(MIDNIGHT_MS + DAY_MS)
    assert list((tmp_path / "lake").rglob("*.parquet")) == []


def test_a_file_of_minutes_that_is_lost_is_said_and_never_taken_for_nothing(store: Store, tmp_path: Path):
    book = Book(store)
    book.keep([], [span(1, MIDNIGHT_MS, kettle=[1.0])])
    for path in (tmp_path / "lake").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(Damaged, match="backup"):
        book.minutes(1, MIDNIGHT_MS, MIDNIGHT_MS + DAY_MS)
    assert "missing" in examine(store)[0].what
