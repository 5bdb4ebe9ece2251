"""What people decided about what was measured."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "corrections",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("channel", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("flow", sa.String(8)),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("milliwh", sa.BigInteger),
        sa.Column("plausible_w", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("undone_by", sa.String(128)),
        sa.Column("undone_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_corrections"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_corrections_channel", "corrections", ["channel"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("corrections")
