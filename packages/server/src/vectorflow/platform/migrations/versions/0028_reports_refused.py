"""The refusals among reports have an index of their own: the list of nodes asks for them, and there are few."""

from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    """Create the index."""
    op.execute(
        "create index reports_refused on reports (organization_id, node_id, pipeline_id, sequence) "
        "where kind = 'refused'"
    )
