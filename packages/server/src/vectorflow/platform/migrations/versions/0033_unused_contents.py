"""What the worker reads to find the contents of files that nothing names any more."""

from alembic import op

revision = "0033"
down_revision = "0032"

SQL = """
grant select on lookup_file_versions to vf_worker;
"""


def upgrade() -> None:
    """Let the worker see which contents versions of lookup files name."""
    op.execute(SQL)
