"""What a node tells of Vectors beside the agent: kept with the node, the newest word only."""

from alembic import op

revision = "0032"
down_revision = "0031"

SQL = """
alter table nodes add column found jsonb;
comment on column nodes.found is
    'plain: Vectors that run there unmanaged, without secrets, which the node takes out before it tells';
"""


def upgrade() -> None:
    """Add the column."""
    op.get_bind().exec_driver_sql(SQL)
