"""Bundles are stored as they are: signatures and boxes do not compress, and trying cost more than signing."""

from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    """Keep envelopes of up to 8 kB in their row, uncompressed."""
    op.execute("alter table bundles alter column envelope set storage external")
    op.execute("alter table bundles set (toast_tuple_target = 8128)")
