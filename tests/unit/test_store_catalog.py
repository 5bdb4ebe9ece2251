from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from chowon.domain.sites import ChannelKey
from chowon.errors import BadInput, Misconfigured, NotFound
from chowon.store.catalog.engine import HEAD, MIGRATIONS, Catalog, open_catalog
from chowon.store.catalog.files import FileList, Heard, NewFile
from chowon.store.catalog.sites import CatalogSites, SiteDefaults, role_of
from chowon.store.catalog.tables import metadata
from chowon.store.catalog.tokens import CatalogTokens
from tests.postgres import cluster

BACKENDS = ["sqlite", "postgresql"]


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with cluster() as url:
        yield url


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalog.sqlite"
    return str(request.getfixturevalue("postgres"))


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = open_catalog(url)
    yield catalog
    with catalog.writing() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    catalog.close()


@pytest.fixture
def book(catalog: Catalog) -> CatalogSites:
    return CatalogSites(catalog, SiteDefaults())


def test_the_migrations_make_exactly_the_tables_that_the_code_uses(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_the_one_that_opening_asks_for() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_the_migrations_go_down_to_nothing_and_up_again(catalog: Catalog) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with catalog.writing() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        command.upgrade(config, "head")
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_a_catalog_of_a_newer_chowon_is_left_alone(catalog: Catalog, url: str) -> None:
    with catalog.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match=r"9999.*newer chowon"):
        open_catalog(url)


def test_the_first_reading_of_an_unknown_key_makes_site_meter_and_channel(book: CatalogSites) -> None:
    key = ChannelKey("home", "m", "main")
    assert book.resolve([key]) == [None]
    channel = book.register(key, 10_000)
    again = book.register(key, 99)
    assert again == channel
    second = book.register(ChannelKey("home", "m", "l1"), 30_000)
    assert book.resolve([second.key, key, ChannelKey("home", "x", "main")]) == [second, channel, None]
    (site,) = book.sites()
    assert (site.key, site.timezone, site.reading_day) == ("home", "Asia/Seoul", 1)
    assert site.channels == (channel, second)
    assert book.site(site.id) == site


def test_two_threads_that_register_the_same_key_get_the_same_channel(catalog: Catalog) -> None:
    books = [CatalogSites(catalog, SiteDefaults()) for _ in range(4)]
    keys = [ChannelKey("home", "m", f"c{n}") for n in range(5)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda book: [book.register(key, 10_000) for key in keys], books))
    assert all(channels == found[0] for channels in found)


def test_another_book_on_the_same_catalog_knows_new_channels(catalog: Catalog, book: CatalogSites) -> None:
    other = CatalogSites(catalog, SiteDefaults())
    channel = book.register(ChannelKey("home", "m", "main"), 5_000)
    assert other.resolve([channel.key]) == [channel]
    assert other.holds(np.array([channel.id, 77, channel.id], np.uint32)).tolist() == [5_000, 10_000, 5_000]


def test_many_channels_become_known_in_one_go_and_known_ones_stay(book: CatalogSites) -> None:
    known = book.register(ChannelKey("home", "m", "main"), 5_000)
    keys = [ChannelKey("home", "m", "l1"), known.key, ChannelKey("away", "n", "main"), known.key]
    found = book.register_all(keys, 30_000)
    assert [channel.key for channel in found] == keys
    assert found[1] == found[3] == known
    assert [channel.hold_ms for channel in found] == [30_000, 5_000, 30_000, 5_000]
    assert {site.key: len(site.channels) for site in book.sites()} == {"home": 2, "away": 1}
    with pytest.raises(BadInput):
        book.register_all([ChannelKey("new", "m", "main"), ChannelKey("No", "m", "main")], 30_000)
    assert len(book.sites()) == 2


@pytest.mark.parametrize(
    ("meter", "channel", "role"),
    [
        ("m", "main", "main"),
        ("m", "phase_b", "phase"),
        ("m", "l3", "phase"),
        ("m", "pv", "solar"),
        ("solar", "main", "solar"),
        ("m", "kettle", "circuit"),
    ],
)
def test_a_channels_name_says_what_it_is(meter: str, channel: str, role: str) -> None:
    assert role_of(ChannelKey("home", meter, channel)) == role


@pytest.mark.parametrize("key", ["", "Home", "a b", "x" * 65, "집", "a/b", "a\n"])
def test_a_key_outside_the_alphabet_is_refused_and_makes_nothing(book: CatalogSites, key: str) -> None:
    for wrong in (ChannelKey(key, "m", "main"), ChannelKey("h", key, "main"), ChannelKey("h", "m", key)):
        with pytest.raises(BadInput, match="a–z"):
            book.register(wrong, 10_000)
    assert book.sites() == []


@pytest.mark.parametrize("hold_ms", [0, -5, 32 * 86_400_000])
def test_a_hold_that_no_meter_needs_is_refused(book: CatalogSites, hold_ms: int) -> None:
    with pytest.raises(BadInput, match="hold_ms"):
        book.register(ChannelKey("home", "m", "main"), hold_ms)


def test_a_site_is_configured_and_an_unknown_one_is_not_found(book: CatalogSites) -> None:
    book.register(ChannelKey("home", "m", "main"), 10_000)
    (site,) = book.sites()
    changed = replace(site, name="우리집", reading_day=15, tariff="kr.x", tariff_options={"다자녀": "yes"})
    book.configure(changed)
    assert book.site(site.id) == changed
    with pytest.raises(NotFound):
        book.configure(replace(site, id=99))
    with pytest.raises(NotFound):
        book.site(99)


def test_a_token_is_kept_as_a_hash_and_stops_when_it_is_revoked(catalog: Catalog) -> None:
    tokens = CatalogTokens(catalog, lambda: 7)
    token = tokens.issue("phone", frozenset({"read", "write"}))
    other = tokens.issue("partner", frozenset({"read"}))
    assert tokens.scopes(token) == {"read", "write"}
    assert tokens.scopes(token + "x") is None
    with catalog.reading() as connection:
        kept = str(connection.execute(text("SELECT * FROM tokens")).all())
    assert token not in kept
    assert token.removeprefix("chowon_") not in kept
    tokens.revoke("phone")
    assert tokens.scopes(token) is None
    assert tokens.scopes(other) == {"read"}
    assert tokens.names() == ["partner"]
    with pytest.raises(NotFound):
        tokens.revoke("phone")


@pytest.mark.parametrize(("name", "scopes"), [("", {"read"}), ("x", set()), ("x", {"a b"}), ("x", {""})])
def test_a_token_needs_a_name_and_plain_scopes(catalog: Catalog, name: str, scopes: set[str]) -> None:
    with pytest.raises(BadInput):
        CatalogTokens(catalog, lambda: 0).issue(name, frozenset(scopes))


def file(path: str) -> NewFile:
    return NewFile("raw", "2026-11-23", 0, path, 10, 100, 5, 9, 1, 2**32 - 1)


def test_a_change_of_the_file_list_is_all_or_nothing(catalog: Catalog) -> None:
    files = FileList(catalog, "j", lambda: 7)
    files.claim(1)
    before = files.snapshot()
    heard = Heard(np.array([3], np.uint32), np.array([5]), np.array([9]))
    files.commit(before, [file("a"), file("b")], sealed_through=4, heard=heard)
    listed = files.snapshot()
    assert [(f.path, f.added_ms, f.max_channel) for f in listed.files] == [
        ("a", 7, 2**32 - 1),
        ("b", 7, 2**32 - 1),
    ]
    assert listed.sealed_through == 4
    with pytest.raises(Exception, match="another process"):
        files.commit(before, [file("c")], sealed_through=9)
    assert files.snapshot() == listed
    files.commit(listed, [file("c")], remove=listed.files)
    assert [f.path for f in files.snapshot().files] == ["c"]
    assert files.snapshot().files[0].id > listed.files[-1].id
    wider = Heard(np.array([3, 4], np.uint32), np.array([2, 1]), np.array([3, 1]))
    files.commit(files.snapshot(), [], heard=wider)
    assert files.times(np.array([3, 4, 5], np.uint32)) == {3: (2, 9), 4: (1, 1)}


def test_the_number_of_shards_stays_what_it_was(catalog: Catalog) -> None:
    FileList(catalog, "j", lambda: 0).claim(4)
    FileList(catalog, "j", lambda: 0).claim(4)
    with pytest.raises(Misconfigured, match="shards = 4"):
        FileList(catalog, "j", lambda: 0).claim(8)
