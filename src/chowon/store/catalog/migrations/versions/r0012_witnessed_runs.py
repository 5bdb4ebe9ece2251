"""What people saw run in sites."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table; nobody has seen anything yet."""
    op.create_table(
        "witnessed_runs",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("start_ms", sa.BigInteger, nullable=False),
        sa.Column("end_ms", sa.BigInteger, nullable=False),
        sa.Column("ran", sa.Boolean, nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_witnessed_runs"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_witnessed_runs_site_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_witnessed_runs_site_id_kind", "witnessed_runs", ["site_id", "kind"])


def downgrade() -> None:
    """Drop it."""
    op.drop_table("witnessed_runs")
