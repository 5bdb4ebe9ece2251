"""What was told of sites' appliances, day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; nothing was told yet."""
    op.create_table(
        "appliance_days",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("value", sa.String(16), nullable=False),
        sa.Column("told_ms", sa.BigInteger, nullable=False),
        sa.Column("told_by", sa.String(64), nullable=False),
        sa.Column("mains", sa.String(32), nullable=False),
        sa.Column("known_min", sa.Integer, nullable=False),
        sa.Column("kinds", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appliance_days"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_appliance_days_site_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_appliance_days_site_id_day", "appliance_days", ["site_id", "day"])
    op.create_table(
        "appliance_sums",
        sa.Column("told", _BIG, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("milliwh", sa.BigInteger, nullable=False),
        sa.Column("on_min", sa.Integer, nullable=False),
        sa.Column("runs", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("told", "kind", name="pk_appliance_sums"),
        sa.ForeignKeyConstraint(["told"], ["appliance_days.id"], name="fk_appliance_sums_told"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them, and the list of files with their minutes: they are told again."""
    op.execute("DELETE FROM lake_files WHERE kind = 'told'")
    op.drop_table("appliance_sums")
    op.drop_table("appliance_days")
