"""The catalog's tables as the code sees them. Migrations make them; a test holds the two against each other.

Instants are int64 ms UTC (SQLite gives aware datetimes back as naive ones). Types are portable.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

BIG: Final = BigInteger().with_variant(Integer, "sqlite")
"""int64; SQLite counts rows by itself only in a column called INTEGER, which holds 64 bits there."""

sites = Table(
    "sites",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("reading_day", Integer, nullable=False),
    Column("tariff", String(128), nullable=False),
    Column("tariff_options", Text, nullable=False),  # a JSON object of texts
    Column("without", Text, nullable=False, server_default=""),  # kinds of appliances, separated by blanks
)

meters = Table(
    "meters",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("site_id", BIG, ForeignKey("sites.id"), nullable=False),
    Column("key", String(64), nullable=False),
    UniqueConstraint("site_id", "key"),
)

channels = Table(
    "channels",
    metadata,
    Column("id", BIG, primary_key=True),  # uint32
    Column("meter_id", BIG, ForeignKey("meters.id"), nullable=False),
    Column("key", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("hold_ms", BIG, nullable=False),
    Column("hold_by", String(8), nullable=False, server_default="default"),  # default, learnt, person
    UniqueConstraint("meter_id", "key"),
)

placements = Table(
    "placements",
    metadata,
    Column("family", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),  # the device's own name of a channel
    Column("channel_id", BIG, ForeignKey("channels.id"), unique=True),  # null: its readings are passed over
    Column("turned", Boolean, nullable=False),
)

backfills = Table(
    "backfills",
    metadata,
    Column("family", String(64), primary_key=True),
    Column("device", String(64), primary_key=True),
    Column("name", String(64), primary_key=True),  # the device's own name of a channel
    Column("channel_id", BIG, ForeignKey("channels.id"), primary_key=True),
    Column("through_ms", BigInteger, nullable=False),  # nothing before this is asked for any more
)

sources = Table(
    "sources",
    metadata,
    Column("name", String(64), primary_key=True),  # also the device's name in placements
    Column("settings", Text, nullable=False),  # a JSON object with what a meter file says in TOML
    Column("paused", Boolean, nullable=False),
    Column("written_ms", BigInteger, nullable=False),
    Column("written_by", String(128), nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("name", String(128), nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),  # hex; the token itself is kept nowhere
    Column("scopes", Text, nullable=False),  # separated by blanks
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
)

lake_files = Table(
    "lake_files",
    metadata,
    Column("id", BIG, primary_key=True),  # of equal keys the row of the file with the highest id counts
    Column("kind", String(16), nullable=False),  # raw | minute | import | export | told
    Column("span", String(10), nullable=False),  # raw: 2026-11-23, the others: 2026-11
    Column("shard", Integer, nullable=False),
    Column("path", Text, nullable=False, unique=True),  # below the lake's folder
    Column("rows", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("min_time_ms", BigInteger, nullable=False),
    Column("max_time_ms", BigInteger, nullable=False),
    Column("min_channel", BigInteger, nullable=False),
    Column("max_channel", BigInteger, nullable=False),  # told: sites
    Column("added_ms", BigInteger, nullable=False),
    Index(None, "kind", "span", "shard"),
    sqlite_autoincrement=True,  # an id is never given twice, so that the order of files stays
)

lake_state = Table(
    "lake_state",
    metadata,
    Column("journal_id", String(32), primary_key=True),
    Column("shards", Integer, nullable=False),
    Column("sealed_through", BigInteger, nullable=False),  # journal entries up to here are in lake_files
    Column("revision", BigInteger, nullable=False),  # grows with every change of lake_files
)

channel_times = Table(
    "channel_times",
    metadata,
    Column("channel", BigInteger, primary_key=True, autoincrement=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)

prices = Table(
    "prices",
    metadata,
    Column("series", String(64), primary_key=True),
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),
    Column("step_ms", Integer, nullable=False),
    Column("price", String(40), nullable=False),  # exact decimal text
    Column("written_ms", BigInteger, nullable=False),
    Column("written_by", String(128), nullable=False),
    sqlite_with_rowid=False,  # a series' intervals lie next to each other
)

site_records = Table(
    "site_records",
    metadata,
    Column("site_id", BIG, ForeignKey("sites.id"), primary_key=True),
    Column("kind", String(16), primary_key=True),  # past_demand_kw | carried | series
    Column(
        "key", String(64), primary_key=True
    ),  # reading month | period start | the tariff's name of a series
    Column("value", String(64), nullable=False),  # exact decimal text, or a name
    Column("written_ms", BigInteger, nullable=False),
    Column("written_by", String(128), nullable=False),
)

revisions = Table(
    "revisions",
    metadata,
    Column("name", String(16), primary_key=True),  # prices | records
    Column("revision", BigInteger, nullable=False),  # grows with every change
)

counter_times = Table(
    "counter_times",
    metadata,
    Column("channel", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(8), primary_key=True),  # import | export
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    Column("last_milliwh", BigInteger, nullable=False),  # what the counter showed at last_ms
    Column("before_milliwh", BigInteger),  # what it showed last before that minute; null: not known
    Column("units_ms", BigInteger),  # until 0009: where its unit may have changed first; null: all are listed
)

counter_leaps = Table(
    "counter_leaps",
    metadata,
    Column("channel", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(8), primary_key=True),  # import | export
    Column("start_ms", BigInteger, primary_key=True, autoincrement=False),  # the minute since which
    sqlite_with_rowid=False,  # a channel's leaps lie next to each other
)

corrections = Table(
    "corrections",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("channel", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),  # trusted | replaced | energy | turned | connection
    Column("flow", String(8)),  # import | export; null: both
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("milliwh", BigInteger),
    Column("plausible_w", BigInteger),
    Column("reason", Text, nullable=False),
    Column("made_by", String(128), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("undone_by", String(128)),
    Column("undone_ms", BigInteger),
    Index(None, "channel"),
    sqlite_autoincrement=True,  # an id is never given twice: corrections count in their order
)

appliance_homes = Table(
    "appliance_homes",
    metadata,
    Column("site_id", BIG, ForeignKey("sites.id"), primary_key=True),
    Column("known", Text, nullable=False),  # JSON, domain/nilm/events/kept.py
    Column("written_ms", BigInteger, nullable=False),
)

appliance_taps = Table(
    "appliance_taps",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("site_id", BIG, ForeignKey("sites.id"), nullable=False),
    Column("tap", Text, nullable=False),  # JSON, as above
    Column("made_by", String(128), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Index(None, "site_id"),
)

witnessed_runs = Table(
    "witnessed_runs",
    metadata,
    Column("id", BIG, primary_key=True),
    Column("site_id", BIG, ForeignKey("sites.id"), nullable=False),
    Column("kind", String(64), nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("ran", Boolean, nullable=False),  # or did not run
    Column("made_by", String(128), nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Index(None, "site_id", "kind"),
    sqlite_autoincrement=True,  # an id is never given twice: what is taken back is the one that was seen
)

appliance_days = Table(
    "appliance_days",
    metadata,
    Column("id", BIG, primary_key=True),  # of one site, day and value the row with the highest id counts
    Column("site_id", BIG, ForeignKey("sites.id"), nullable=False),
    Column("day", String(10), nullable=False),  # the site's local day, 2026-11-23
    Column("value", String(16), nullable=False),  # provisional | settled | nightly
    Column("told_ms", BigInteger, nullable=False),
    Column("told_by", String(64), nullable=False),  # which weights
    Column("mains", String(32), nullable=False),  # a mark of the mains that it was told from
    Column("known_min", Integer, nullable=False),
    Column("kinds", Text, nullable=False),  # all that were looked for, separated by blanks
    Index(None, "site_id", "day"),
    sqlite_autoincrement=True,  # an id is never given twice: what was told last counts
)

appliance_sums = Table(
    "appliance_sums",
    metadata,
    Column("told", BIG, ForeignKey("appliance_days.id"), primary_key=True),
    Column("kind", String(64), primary_key=True),  # those that took anything
    Column("milliwh", BigInteger, nullable=False),
    Column("on_min", Integer, nullable=False),
    Column("runs", Integer, nullable=False),
    sqlite_with_rowid=False,  # a day's kinds lie next to each other
)
