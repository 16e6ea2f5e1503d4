"""Rollouts: how the assignments of a pipeline move from one revision to the next."""

from alembic import op

revision = "0008"
down_revision = "0007"

SQL = r"""
create table rollouts (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    pipeline_id uuid not null,
    revision integer not null,
    previous_revision integer,
    message text not null default '' check (length(message) <= 2000),
    state text not null check (state in ('running', 'paused', 'halted', 'done', 'cancelled')),
    reason text check (length(reason) <= 2000),
    batch_size integer check (batch_size > 0),
    timeout_seconds real not null default 60 check (timeout_seconds > 0),
    watch_seconds real not null default 10 check (watch_seconds >= 0),
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    created_by_id uuid,
    finished_at timestamptz,
    version integer not null default 1 check (version > 0),
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, pipeline_id, revision) references revisions (organization_id, pipeline_id, number)
);
create unique index rollouts_one_at_a_time on rollouts (organization_id, environment_id, pipeline_id)
    where state in ('running', 'paused');
create index rollouts_pipeline on rollouts (organization_id, pipeline_id, id);
create index rollouts_environment on rollouts (organization_id, environment_id, id);
comment on column rollouts.message is 'plain: what its author said about it';
comment on column rollouts.state is 'plain: one of our words';
comment on column rollouts.reason is 'plain: why it halted, shown to people';
comment on column rollouts.created_by is 'plain: the name of its author, as it was then';
select vf.protect('rollouts', array['select', 'insert', 'update']);

create table rollout_nodes (
    organization_id uuid not null references organizations (id),
    rollout_id uuid not null,
    node_id uuid not null,
    batch integer not null check (batch > 0),
    state text not null default 'waiting'
        check (state in ('waiting', 'assigned', 'applied', 'refused', 'crashed', 'silent', 'kept')),
    revision_before integer,
    generation bigint,
    assigned_at timestamptz,
    applied_at timestamptz,
    report_sequence bigint,
    primary key (organization_id, rollout_id, node_id),
    foreign key (organization_id, rollout_id) references rollouts (organization_id, id),
    foreign key (organization_id, node_id) references nodes (organization_id, id),
    foreign key (organization_id, node_id, report_sequence) references reports (organization_id, node_id, sequence)
);
comment on column rollout_nodes.state is 'plain: one of our words';
select vf.protect('rollout_nodes', array['select', 'insert', 'update']);

-- Organisations with a rollout under way, for the worker's sweep.
create policy directory on rollouts for select to vf_directory using (true);
grant select on rollouts to vf_directory;
create function vf.organizations_rolling_out() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select distinct organization_id from public.rollouts where state = 'running' $$;
do $$
begin
    grant create on schema vf to vf_directory;
    revoke all on function vf.organizations_rolling_out() from public;
    grant execute on function vf.organizations_rolling_out() to vf_worker;
    alter function vf.organizations_rolling_out() owner to vf_directory;
    revoke create on schema vf from vf_directory;
end;
$$;
"""


def upgrade() -> None:
    """Create the tables of the room delivery."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
