"""Opening a data folder. Its layout and what a crash can leave behind: docs/reference/data-folder.md."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import URL

from chowon.domain.readings import empty
from chowon.errors import Damaged, Misconfigured, NotFound
from chowon.store.catalog.appliances import CatalogAppliances
from chowon.store.catalog.backfills import CatalogBackfills
from chowon.store.catalog.corrections import CatalogCorrections
from chowon.store.catalog.engine import Catalog, open_catalog
from chowon.store.catalog.files import FileList
from chowon.store.catalog.placements import CatalogPlacements
from chowon.store.catalog.prices import CatalogPrices
from chowon.store.catalog.records import CatalogRecords
from chowon.store.catalog.sites import CatalogSites, SiteDefaults
from chowon.store.catalog.sources import CatalogSources
from chowon.store.catalog.tokens import CatalogTokens
from chowon.store.catalog.told import CatalogTold
from chowon.store.catalog.witnessed import CatalogWitnessed
from chowon.store.counter_reading import CounterReader
from chowon.store.counter_spans import spans_anew
from chowon.store.journal import JournalReader, SqliteJournal
from chowon.store.lake import Lake
from chowon.store.lock import FolderLock
from chowon.store.query import LakeHistory
from chowon.store.told import ToldReader
from chowon.store.view import Unsealed, View, Views


@dataclass(frozen=True, slots=True)
class Store:
    """An open data folder that this process owns. `jobs.seal.Sealer` moves its journal into its lake."""

    journal: SqliteJournal
    history: LakeHistory
    sites: CatalogSites
    devices: CatalogPlacements
    backfills: CatalogBackfills
    sources: CatalogSources
    prices: CatalogPrices
    records: CatalogRecords
    appliances: CatalogAppliances
    witnessed: CatalogWitnessed
    told: ToldReader
    tokens: CatalogTokens
    corrections: CatalogCorrections
    lake: Lake
    files: FileList
    shards: int
    catalog: Catalog
    lock: FolderLock

    def close(self) -> None:
        """Release files, connections and the folder."""
        self.journal.close()
        self.catalog.close()
        self.lock.release()


@dataclass(frozen=True, slots=True)
class Reader:
    """An open data folder that another process may own and write to."""

    journal: JournalReader
    history: LakeHistory
    sites: CatalogSites
    prices: CatalogPrices
    records: CatalogRecords
    witnessed: CatalogWitnessed
    told: ToldReader
    lake: Lake
    files: FileList
    catalog: Catalog

    def close(self) -> None:
        """Release connections."""
        self.catalog.close()


def open_store(
    folder: Path,
    *,
    shards: int = 1,
    defaults: SiteDefaults | None = None,
    catalog_url: str | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Store:
    """The data folder, made if it is not there, with what a crash left behind put right.

    shards: the lake's files are split by channel % shards; fixed once the folder is made.
    catalog_url: an SQLAlchemy URL to keep the catalog elsewhere, e.g. in PostgreSQL.
    Errors: Misconfigured (in use, not writable, other shards); Damaged (parts from different backups);
    StoreUnavailable.
    """
    if shards < 1:
        raise Misconfigured(f"shards = {shards}; expected 1 or more")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"{folder}: {error.strerror}; make it a writable folder or set another data folder"
        ) from error
    lock = FolderLock(folder)
    journal: SqliteJournal | None = None
    catalog: Catalog | None = None
    try:
        journal = SqliteJournal(folder / "journal.sqlite", now_ms)
        catalog = open_catalog(catalog_url or _catalog_in(folder))
        files = FileList(catalog, journal.id, now_ms)
        files.claim(shards)
        lake = Lake(folder / "lake", journal.id)
        _recover(journal, lake, files)
        _list_leaps(lake, files)
        sites = CatalogSites(catalog, defaults or SiteDefaults())
        corrections = CatalogCorrections(catalog, now_ms)
        history = _history(lake, files, journal, sites, corrections)
    except BaseException:
        for part in (journal, catalog):
            if part is not None:
                part.close()
        lock.release()
        raise
    return Store(
        journal=journal,
        history=history,
        sites=sites,
        devices=CatalogPlacements(catalog),
        backfills=CatalogBackfills(catalog),
        sources=CatalogSources(catalog, now_ms),
        prices=CatalogPrices(catalog, now_ms),
        records=CatalogRecords(catalog, now_ms),
        appliances=CatalogAppliances(catalog, now_ms),
        witnessed=CatalogWitnessed(catalog, now_ms),
        told=ToldReader(CatalogTold(catalog), lake, files),
        corrections=corrections,
        tokens=CatalogTokens(catalog, now_ms),
        lake=lake,
        files=files,
        shards=shards,
        catalog=catalog,
        lock=lock,
    )


def open_reader(folder: Path, *, catalog_url: str | None = None) -> Reader:
    """The data folder for reading, while its owner goes on writing. Errors: NotFound, Misconfigured."""
    journal = JournalReader(folder / "journal.sqlite")
    if catalog_url is None and not (folder / "catalog.sqlite").is_file():
        raise NotFound(f"{folder}: no catalog there; start chowon once with this data folder")
    catalog = open_catalog(catalog_url or _catalog_in(folder), migrate=False)
    try:
        files = FileList(catalog, journal.id, lambda: 0)
        lake = Lake(folder / "lake", journal.id)
        sites = CatalogSites(catalog, SiteDefaults())
        corrections = CatalogCorrections(catalog, lambda: 0)
        history = _history(lake, files, journal, sites, corrections)
        prices, records = CatalogPrices(catalog, lambda: 0), CatalogRecords(catalog, lambda: 0)
        witnessed = CatalogWitnessed(catalog, lambda: 0)
        told = ToldReader(CatalogTold(catalog), lake, files)
        return Reader(journal, history, sites, prices, records, witnessed, told, lake, files, catalog)
    except BaseException:
        catalog.close()
        raise


def _recover(journal: SqliteJournal, lake: Lake, files: FileList) -> None:
    """Put right what a crash between two steps of sealing leaves: see jobs/seal.py."""
    snapshot = files.snapshot()
    bounds = journal.bounds()
    if not bounds.trimmed_through <= snapshot.sealed_through <= bounds.last:
        raise Damaged(
            f"the catalog says that the lake holds entries up to {snapshot.sealed_through}, the journal has "
            f"{bounds.trimmed_through + 1} to {bounds.last}: one is older than the other; restore catalog, "
            "journal and lake from the same backup"
        )
    if bounds.trimmed_through < snapshot.sealed_through:
        journal.trim(snapshot.sealed_through)
    left_over, _ = lake.unlisted(snapshot.files)
    lake.delete(left_over)


def _list_leaps(lake: Lake, files: FileList) -> None:
    """Note where units may have changed, of counters of which an older version noted only the first place."""
    for flow, channel in files.unlisted_counters():
        known = files.counters(flow, np.array([channel], np.uint32))[channel]
        reader = CounterReader(View(lake, files.snapshot(), empty()), flow)
        files.note_counter(flow, channel, spans_anew(reader, channel, known))


def _history(
    lake: Lake, files: FileList, journal: Unsealed, sites: CatalogSites, corrections: CatalogCorrections
) -> LakeHistory:
    views = Views(lake, files, journal)
    return LakeHistory(views, sites.holds, files.times, files.counters, corrections.in_force)


@contextmanager
def open_tokens(
    folder: Path,
    *,
    catalog_url: str | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Iterator[CatalogTokens]:
    """The token book of a data folder that a server may be using. Errors: NotFound, Misconfigured."""
    with _catalog_of(folder, catalog_url) as catalog:
        yield CatalogTokens(catalog, now_ms)


@contextmanager
def open_prices(
    folder: Path,
    *,
    catalog_url: str | None = None,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Iterator[CatalogPrices]:
    """The price book of a data folder that a server may be using. Errors: NotFound, Misconfigured."""
    with _catalog_of(folder, catalog_url) as catalog:
        yield CatalogPrices(catalog, now_ms)


@contextmanager
def _catalog_of(folder: Path, catalog_url: str | None) -> Iterator[Catalog]:
    if catalog_url is None and not (folder / "catalog.sqlite").is_file():
        raise NotFound(f"{folder}: no catalog there; start chowon once with this data folder")
    catalog = open_catalog(catalog_url or _catalog_in(folder))
    try:
        yield catalog
    finally:
        catalog.close()


def _catalog_in(folder: Path) -> URL:
    return URL.create("sqlite", database=str(folder.resolve() / "catalog.sqlite"))
