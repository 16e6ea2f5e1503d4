"""Room in the pages of nodes and assignments, so that a change of what a node should run touches no index.

None of the columns that such a change sets is indexed, but a row that finds no room in its page is entered anew into
every index of its table, that of labels among them: this took most of the time of an assignment.
"""

from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    """Leave room in pages that are written from now on."""
    op.execute("alter table nodes set (fillfactor = 50)")
    op.execute("alter table assignments set (fillfactor = 50)")
