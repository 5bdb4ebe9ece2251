"""What was learnt of sites' appliances, what people said of them, and which a site has not."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the tables; every site may have everything."""
    op.add_column("sites", sa.Column("without", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "appliance_homes",
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("known", sa.Text, nullable=False),
        sa.Column("written_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_appliance_homes"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_appliance_homes_site_id"),
    )
    op.create_table(
        "appliance_taps",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("site_id", _BIG, nullable=False),
        sa.Column("tap", sa.Text, nullable=False),
        sa.Column("made_by", sa.String(128), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_appliance_taps"),
        sa.ForeignKeyConstraint(["site_id"], ["sites.id"], name="fk_appliance_taps_site_id"),
    )
    op.create_index("ix_appliance_taps_site_id", "appliance_taps", ["site_id"])


def downgrade() -> None:
    """Drop them."""
    op.execute('ALTER TABLE sites DROP COLUMN "without"')  # a batch would make anew what others refer to
    op.drop_table("appliance_taps")
    op.drop_table("appliance_homes")
