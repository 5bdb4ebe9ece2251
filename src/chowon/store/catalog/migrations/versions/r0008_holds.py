"""Who decided how long a reading of a channel stands."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; nobody has decided yet."""
    op.add_column("channels", sa.Column("hold_by", sa.String(8), nullable=False, server_default="default"))


def downgrade() -> None:
    """Drop the column."""
    with op.batch_alter_table("channels") as batch:
        batch.drop_column("hold_by")
