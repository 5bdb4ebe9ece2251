"""Sites, meters, channels, tokens, lake files."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sites",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("reading_day", sa.Integer, nullable=False),
        sa.Column("tariff", sa.String(128), nullable=False),
        sa.Column("tariff_options", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sites"),
        sa.UniqueConstraint("key", name="uq_sites_key"),
    )
    op.create_table(
        "meters",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meters"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_meters_site_id"),
        sa.UniqueConstraint("site_id", "key", name="uq_meters_site_id_key"),
    )
    op.create_table(
        "channels",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("meter_id", _BIG, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("hold_ms", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.ForeignKeyConstraint(["meter_id"], ["meters.id"], name="fk_channels_meter_id"),
        sa.UniqueConstraint("meter_id", "key", name="uq_channels_meter_id_key"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("sha256", name="uq_tokens_sha256"),
    )
    _make_lake_tables()


def _make_lake_tables() -> None:
    op.create_table(
        "lake_files",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("span", sa.String(10), nullable=False),
        sa.Column("shard", sa.Integer, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("min_time_ms", sa.BigInteger, nullable=False),
        sa.Column("max_time_ms", sa.BigInteger, nullable=False),
        sa.Column("min_channel", sa.BigInteger, nullable=False),
        sa.Column("max_channel", sa.BigInteger, nullable=False),
        sa.Column("added_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_lake_files"),
        sa.UniqueConstraint("path", name="uq_lake_files_path"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_lake_files_kind_span_shard", "lake_files", ["kind", "span", "shard"])
    op.create_table(
        "lake_state",
        sa.Column("journal_id", sa.String(32), nullable=False),
        sa.Column("shards", sa.Integer, nullable=False),
        sa.Column("sealed_through", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("journal_id", name="pk_lake_state"),
    )
    op.create_table(
        "channel_times",
        sa.Column("channel", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("first_ms", sa.BigInteger, nullable=False),
        sa.Column("last_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_channel_times"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in (
        "channel_times",
        "lake_state",
        "lake_files",
        "tokens",
        "channels",
        "meters",
        "sites",
    ):
        op.drop_table(name)
