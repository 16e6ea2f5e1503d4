"""Nodes of a rollout are read in pages and counted by state: one index serves both.

A node's place in its batch is by name when the rollout begins. Rollouts from before, and those that the version before
begins meanwhile, have none: their batches are in the order of ids.
"""

from alembic import op

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    """Add the place and the index."""
    op.execute("alter table rollout_nodes add column if not exists place integer not null default 0")
    # Without a lock that holds up rollouts under way. What an attempt that failed left behind goes first.
    with op.get_context().autocommit_block():
        op.execute("drop index if exists rollout_nodes_state")
        op.execute(
            "create index concurrently rollout_nodes_state on rollout_nodes "
            "(organization_id, rollout_id, state, batch, place, node_id)"
        )
