"""Price series, and what people write down of sites."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "prices",
        sa.Column("series", sa.String(64), nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("step_ms", sa.Integer, nullable=False),
        sa.Column("price", sa.String(40), nullable=False),
        sa.Column("written_ms", sa.BigInteger, nullable=False),
        sa.Column("written_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("series", "start_ms", name="pk_prices"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "site_records",
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.String(64), nullable=False),
        sa.Column("written_ms", sa.BigInteger, nullable=False),
        sa.Column("written_by", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "kind", "key", name="pk_site_records"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_site_records_site_id"),
    )
    op.create_table(
        "revisions",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_revisions"),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("revisions", "site_records", "prices"):
        op.drop_table(name)
