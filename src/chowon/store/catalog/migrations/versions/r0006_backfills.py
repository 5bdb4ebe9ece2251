"""Up to where devices were asked for what they had kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "backfills",
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("channel_id", _BIG, nullable=False),
        sa.Column("through_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("family", "device", "name", "channel_id", name="pk_backfills"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_backfills_channel_id"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("backfills")
