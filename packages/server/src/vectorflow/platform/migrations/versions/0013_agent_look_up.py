"""Tokens of agents are looked up by their id alone, before any scope is known; the primary keys begin with the
organisation, so without an index of their own each look-up read the whole table.
"""

from alembic import op

revision = "0013"
down_revision = "0012"

SQL = """
create index node_tokens_id on node_tokens (id);
create index enrolment_tokens_id on enrolment_tokens (id);
"""


def upgrade() -> None:
    """Add an index for each kind of token."""
    op.get_bind().exec_driver_sql(SQL)
