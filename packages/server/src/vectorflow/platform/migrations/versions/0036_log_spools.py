"""How far log batches are stored is known for each spool of a node, not only for the one it sent from last.

Each agent process names a spool of its own, so that two machines that speak as one node are told apart; their batches come
in turns. `log_marks` stays as it is: the last spool of a node, and the lock that keeps batches of one node in order, also
for gateways of the version before.
"""

from alembic import op

revision = "0036"
down_revision = "0035"

SQL = """
create table log_spools (
    organization_id uuid not null,
    node_id uuid not null,
    spool text not null check (length(spool) <= 64),
    batch bigint not null,
    left_at timestamptz not null default now(),
    primary key (organization_id, node_id, spool)
);
comment on column log_spools.spool is 'plain: a random name';
select vf.protect('log_spools', array['select', 'insert', 'update', 'delete'], array['vf_app']);
"""


def upgrade() -> None:
    """Create the table of spools that a node sent from before."""
    op.execute(SQL)
