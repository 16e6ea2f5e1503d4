"""Plans to update nodes: which version a group shall run, how many nodes at a time, and when to pause."""

from alembic import op

revision = "0030"
down_revision = "0029"

STATEMENTS = r"""
create table update_plans (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    group_id uuid,
    program text not null check (program in ('agent', 'engine')),
    target text not null check (length(target) between 1 and 100),
    step integer not null check (step between 1 and 10000),
    unit text not null check (unit in ('nodes', 'percent')),
    most_failures integer not null default 0 check (most_failures between 0 and 10000),
    state text not null default 'running' check (state in ('running', 'paused', 'ended')),
    reason text not null default '' check (length(reason) <= 1000),
    created_by text not null check (length(created_by) <= 200),
    created_at timestamptz not null default now(),
    -- Orders to nodes before this do not count: somebody has let the plan go on after them.
    counted_from timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, group_id) references node_groups (organization_id, id)
);
create index update_plans_open on update_plans (organization_id, environment_id) where state <> 'ended';
comment on column update_plans.program is 'plain: one of our words';
comment on column update_plans.target is 'plain: a version';
comment on column update_plans.unit is 'plain: one of our words';
comment on column update_plans.state is 'plain: one of our words';
comment on column update_plans.reason is 'plain: why it is paused, shown to people';
comment on column update_plans.created_by is 'plain: the name of who planned it, as it was then';
select vf.protect('update_plans', array['select', 'insert', 'update', 'delete']);
"""


def upgrade() -> None:
    """Add the table."""
    op.get_bind().exec_driver_sql(STATEMENTS.replace("%", "%%"))
