"""Which channels have counters."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "counter_times",
        sa.Column("channel", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("flow", sa.String(length=8), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_milliwh", sa.BigInteger(), nullable=False),
        sa.Column("units_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "flow", name="pk_counter_times"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("counter_times")
