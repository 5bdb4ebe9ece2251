"""Every place where a counter's unit may have changed, not only the first."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; opening the store fills it, from the first places that are known, and forgets them."""
    op.create_table(
        "counter_leaps",
        sa.Column("channel", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("flow", sa.String(length=8), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("channel", "flow", "start_ms", name="pk_counter_leaps"),
        sqlite_with_rowid=False,
    )
    op.add_column("counter_times", sa.Column("before_milliwh", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop both; of each counter the first place is kept."""
    op.execute(
        "UPDATE counter_times SET units_ms = (SELECT MIN(start_ms) FROM counter_leaps WHERE "
        "counter_leaps.channel = counter_times.channel AND counter_leaps.flow = counter_times.flow) "
        "WHERE units_ms IS NULL"
    )
    with op.batch_alter_table("counter_times") as batch:
        batch.drop_column("before_milliwh")
    op.drop_table("counter_leaps")
