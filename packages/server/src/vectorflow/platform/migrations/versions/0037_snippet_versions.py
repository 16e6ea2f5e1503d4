"""Snippets can be changed, and know which version they are."""

from alembic import op

revision = "0037"
down_revision = "0036"

SQL = """
alter table vrl_snippets add column version integer not null default 1 check (version > 0);
grant update (name, summary, program, version, updated_at, updated_by) on vrl_snippets to vf_app;
"""


def upgrade() -> None:
    """Number the versions, and let the application change what it keeps."""
    op.execute(SQL)
