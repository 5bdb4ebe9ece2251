"""Where devices that know no site of ours belong."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "placements",
        sa.Column("family", sa.String(64), nullable=False),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("channel_id", _BIG),
        sa.Column("turned", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("family", "device", "name", name="pk_placements"),
        sa.ForeignKeyConstraint(["channel_id"], ["channels.id"], name="fk_placements_channel_id"),
        sa.UniqueConstraint("channel_id", name="uq_placements_channel_id"),
    )


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("placements")
