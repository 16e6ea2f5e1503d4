"""Two machines that speak as one node count on their own: reports of one number are kept apart by who made them.

`run` is a random word of the agent's process, empty for agents that give none. Until now the second report of a number was taken
for the first, sent again.
"""

from alembic import op

revision = "0034"
down_revision = "0033"

SQL = """
alter table reports add column run text not null default '' check (length(run) <= 40);
comment on column reports.run is 'plain: a random word of the agent''s process';
alter table rollout_nodes drop constraint rollout_nodes_organization_id_node_id_report_sequence_fkey;
alter table reports drop constraint reports_pkey;
alter table reports add primary key (organization_id, node_id, sequence, run);
alter table rollout_nodes add column report_run text;
comment on column rollout_nodes.report_run is 'plain: a random word of the agent''s process';
alter table rollout_nodes no force row level security;
update rollout_nodes set report_run = '' where report_sequence is not null;
alter table rollout_nodes force row level security;
alter table rollout_nodes add foreign key (organization_id, node_id, report_sequence, report_run)
    references reports (organization_id, node_id, sequence, run);
"""


def upgrade() -> None:
    """Widen the key, and what refers to it."""
    op.execute(SQL)
