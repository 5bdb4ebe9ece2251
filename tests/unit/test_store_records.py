"""Price series and records in the catalog, on both engines."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from chowon.domain.quantities import HOUR_MS, QUARTER_MS
from chowon.domain.records import PriceRow, RecordsChange, as_prices, price_rows
from chowon.domain.sites import ChannelKey
from chowon.errors import BadInput, NotFound
from chowon.store.catalog.engine import MIGRATIONS, Catalog, open_catalog
from chowon.store.catalog.prices import CatalogPrices
from chowon.store.catalog.records import CatalogRecords
from chowon.store.catalog.sites import CatalogSites, SiteDefaults
from chowon.store.catalog.tables import metadata
from tests.postgres import cluster

START_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS
YEAR = 35_040


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Catalog]:
    found = (
        f"sqlite:///{tmp_path}/catalog.sqlite"
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgres"))
    )
    catalog = open_catalog(found)
    yield catalog
    with catalog.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    catalog.close()


@pytest.fixture
def prices(catalog: Catalog) -> CatalogPrices:
    return CatalogPrices(catalog, lambda: 7)


@pytest.fixture
def records(catalog: Catalog) -> CatalogRecords:
    CatalogSites(catalog, SiteDefaults()).register(ChannelKey("home", "m", "main"), 10_000)
    return CatalogRecords(catalog, lambda: 7)


def test_a_catalog_of_the_first_version_keeps_its_sites_and_gets_the_new_tables(tmp_path):
    url = f"sqlite:///{tmp_path}/old.sqlite"
    catalog, config = open_catalog(url), Config()
    site = CatalogSites(catalog, SiteDefaults()).register(ChannelKey("home", "m", "main"), 10_000)
    config.set_main_option("script_location", str(MIGRATIONS))
    with catalog.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "0001")
        assert not inspect(connection).has_table("prices")
    catalog.close()
    again = open_catalog(url)
    assert CatalogSites(again, SiteDefaults()).sites()[0].channels == (site,)
    assert CatalogPrices(again, lambda: 0).series() == []
    assert CatalogRecords(again, lambda: 0).records(1).carried == {}
    again.close()


def row(n: float, price: str, step_ms: int = HOUR_MS) -> PriceRow:
    return PriceRow(START_MS + round(n * HOUR_MS), step_ms, Decimal(price))


def kept(prices: CatalogPrices) -> list[tuple[float, int, str]]:
    rows = prices.rows("s", 0, 2 * START_MS)
    return [((r.start_ms - START_MS) / HOUR_MS, r.step_ms // 60_000, str(r.price)) for r in rows]


def test_prices_come_back_to_the_last_digit_in_order_of_time(prices):
    exact = "-0.100000000001"
    prices.put("s", [row(1, exact), row(0, "123456789.5")], "me")
    assert kept(prices) == [(0, 60, "123456789.5"), (1, 60, exact)]
    assert prices.rows("other", 0, 2 * START_MS) == []
    (series,) = prices.series()
    assert (series.name, series.from_ms, series.to_ms) == ("s", START_MS, START_MS + 2 * HOUR_MS)
    assert (series.intervals, series.written.at_ms, series.written.by) == (2, 7, "me")


def test_an_interval_again_is_replaced_and_the_same_again_changes_nothing(prices):
    prices.put("s", [row(n, str(n)) for n in range(4)], "me")
    before = kept(prices)
    prices.put("s", [row(n, str(n)) for n in range(4)], "me")
    assert kept(prices) == before
    prices.put("s", [row(3, "9"), row(1, "8")], "me")
    assert kept(prices) == [(0, 60, "0"), (1, 60, "8"), (2, 60, "2"), (3, 60, "9")]


def test_intervals_of_another_length_go_where_new_ones_overlap_them(prices):
    prices.put("s", [row(n, str(n)) for n in range(3)], "me")
    prices.put("s", [row(1.25, "7", QUARTER_MS)], "me")
    assert kept(prices) == [(0, 60, "0"), (1.25, 15, "7"), (2, 60, "2")]
    prices.put("s", [row(1, "5")], "me")
    assert kept(prices) == [(0, 60, "0"), (1, 60, "5"), (2, 60, "2")]
    prices.put("s", [], "me", (START_MS + HOUR_MS, START_MS + 2 * HOUR_MS))
    assert kept(prices) == [(0, 60, "0"), (2, 60, "2")]


def test_a_span_has_every_interval_that_reaches_into_it(prices):
    prices.put("s", [row(n, str(n)) for n in range(4)], "me")
    inside = prices.rows("s", START_MS + HOUR_MS + 1, START_MS + 2 * HOUR_MS)
    assert [str(r.price) for r in inside] == ["1"]


def test_every_change_shows_in_the_revision(prices, records):
    assert (prices.revision(), records.revision()) == (0, 0)
    prices.put("s", [row(0, "1")], "me")
    prices.put("s", [row(0, "2")], "me")
    records.change(1, RecordsChange({"2026-01": Decimal(5)}), "me")
    assert (prices.revision(), records.revision()) == (2, 1)


def test_a_name_that_cannot_be_keeps_nothing(prices):
    with pytest.raises(BadInput, match="a–z"):
        prices.put("Day Ahead", [row(0, "1")], "me")
    assert prices.series() == []


def test_a_year_of_quarters_comes_back_whole(prices):
    told = [(START_MS + n * QUARTER_MS, f"0.{n % 1000:03}") for n in range(YEAR)]
    prices.put("s", price_rows(QUARTER_MS, told), "me")
    found = as_prices(prices.rows("s", START_MS, START_MS + YEAR * QUARTER_MS))
    assert found is not None
    assert [str(p) for p in found.values] == [price for _, price in told]


def test_records_are_kept_replaced_and_taken_away(records):
    first = records.change(
        1,
        RecordsChange({"2026-01": Decimal("95.0")}, {date(2026, 1, 1): Decimal(0)}, {"day_ahead": "dk1"}),
        "me",
    )
    assert first == records.records(1)
    assert [(m, str(r.value), r.written.by) for m, r in first.past_demand_kw.items()] == [
        ("2026-01", "95", "me")
    ]
    assert first.carried[date(2026, 1, 1)].value == 0
    assert first.series == {"day_ahead": "dk1"}
    again = records.change(1, RecordsChange({"2026-01": Decimal(95), "2026-02": Decimal(3)}), "you")
    assert {m: r.written.by for m, r in again.past_demand_kw.items()} == {"2026-01": "me", "2026-02": "you"}
    gone = records.change(
        1, RecordsChange({"2026-01": None}, {date(2026, 1, 1): None}, {"day_ahead": None}), "me"
    )
    assert (list(gone.past_demand_kw), gone.carried, gone.series) == (["2026-02"], {}, {})


def test_a_site_that_is_not_known_has_no_records_and_gets_none(records):
    assert records.records(2).past_demand_kw == {}
    with pytest.raises(NotFound, match="no site 2"):
        records.change(2, RecordsChange({"2026-01": Decimal(5)}), "me")
