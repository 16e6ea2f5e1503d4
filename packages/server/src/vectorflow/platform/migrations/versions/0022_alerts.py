"""Channels, alert rules, incidents and the outbox of messages about them.

Where a channel leads is sealed; the app role writes it and cannot read it. Only the worker reads it, to send.
"""

from alembic import op

revision = "0022"
down_revision = "0021"

SQL = r"""
create table channels (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    kind text not null check (kind in ('email', 'webhook')),
    shown text not null check (length(shown) <= 1000),
    target vf.sealed not null,
    version integer not null check (version > 0),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column channels.name is 'plain: shown to the members of the environment';
comment on column channels.kind is 'plain: one of our words';
comment on column channels.shown is 'plain: the people that mail goes to, or the host of a webhook; shown in lists';
comment on column channels.updated_by is 'plain: the name of who changed it, as it was then';
select vf.protect('channels', array['delete'], array['vf_app']);
grant insert on channels to vf_app;
grant select (organization_id, id, environment_id, name, kind, shown, version, updated_at, updated_by),
    update (name, shown, target, version, updated_at, updated_by) on channels to vf_app;
grant select on channels to vf_worker, vf_signer;
grant update (target) on channels to vf_signer;

create table alert_rules (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    condition jsonb not null,
    enabled boolean not null,
    version integer not null check (version > 0),
    updated_at timestamptz not null default now(),
    updated_by text not null check (length(updated_by) <= 200),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column alert_rules.name is 'plain: shown to the members of the environment';
comment on column alert_rules.condition is 'plain: a kind and its thresholds';
comment on column alert_rules.updated_by is 'plain: the name of who changed it, as it was then';
select vf.protect('alert_rules', array['select', 'insert', 'update', 'delete'], array['vf_app']);
grant select on alert_rules to vf_worker;
create policy directory on alert_rules for select to vf_directory using (true);
grant select on alert_rules to vf_directory;

create table alert_rule_channels (
    organization_id uuid not null references organizations (id),
    rule_id uuid not null,
    channel_id uuid not null,
    primary key (organization_id, rule_id, channel_id),
    foreign key (organization_id, rule_id) references alert_rules (organization_id, id) on delete cascade,
    foreign key (organization_id, channel_id) references channels (organization_id, id)
);
create index alert_rule_channels_channel on alert_rule_channels (organization_id, channel_id);
select vf.protect('alert_rule_channels', array['select', 'insert', 'delete'], array['vf_app']);
grant select on alert_rule_channels to vf_worker;

create table incidents (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    rule_id uuid not null,
    key text not null check (length(key) <= 300),
    node_id uuid,
    pipeline_id uuid,
    component text not null default '' check (length(component) <= 128),
    summary text not null check (length(summary) <= 1000),
    state text not null default 'open' check (state in ('open', 'resolved')),
    opened_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    resolved_at timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text not null default '' check (length(acknowledged_by) <= 200),
    version integer not null default 1,
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, rule_id) references alert_rules (organization_id, id) on delete cascade,
    foreign key (organization_id, node_id) references nodes (organization_id, id),
    foreign key (organization_id, pipeline_id) references pipelines (organization_id, id),
    check ((state = 'resolved') = (resolved_at is not null))
);
create unique index incidents_open on incidents (organization_id, rule_id, key) where state = 'open';
create index incidents_environment on incidents (organization_id, environment_id, id);
create index incidents_state on incidents (organization_id, environment_id, state, id);
create index incidents_node on incidents (organization_id, node_id);
create index incidents_pipeline on incidents (organization_id, pipeline_id);
comment on column incidents.key is 'plain: ids that tell an incident from others of its rule';
comment on column incidents.component is 'plain: an id in a configuration';
comment on column incidents.summary is 'plain: what is wrong, with names of nodes and pipelines and the engine''s words';
comment on column incidents.state is 'plain: one of our words';
comment on column incidents.acknowledged_by is 'plain: the name of who looks after it, as it was then';
select vf.protect('incidents', array['select', 'insert', 'update'], array['vf_worker']);
grant select, delete on incidents to vf_app;
grant update (acknowledged_at, acknowledged_by, version) on incidents to vf_app;

create table notifications (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    incident_id uuid,
    channel_id uuid not null,
    event text not null check (event in ('opened', 'resolved', 'test')),
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
    attempts integer not null default 0,
    next_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    last_error text not null default '' check (length(last_error) <= 500),
    primary key (organization_id, id),
    unique (organization_id, incident_id, channel_id, event),
    foreign key (organization_id, incident_id) references incidents (organization_id, id) on delete cascade,
    foreign key (organization_id, channel_id) references channels (organization_id, id) on delete cascade,
    check (event <> 'test' or incident_id is null)
);
create index notifications_due on notifications (organization_id, next_at, id) where state = 'waiting';
create index notifications_channel on notifications (organization_id, channel_id, id);
comment on column notifications.event is 'plain: one of our words';
comment on column notifications.state is 'plain: one of our words';
comment on column notifications.last_error is 'plain: why it was not sent, without where it was to go';
select vf.protect('notifications', array['select', 'insert'], array['vf_app', 'vf_worker']);
grant update (state, attempts, next_at, changed_at, last_error) on notifications to vf_worker;

create function vf.organizations_with_alerts() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select distinct organization_id from public.alert_rules $$;
do $$
begin
    grant create on schema vf to vf_directory;
    revoke all on function vf.organizations_with_alerts() from public;
    grant execute on function vf.organizations_with_alerts() to vf_worker;
    alter function vf.organizations_with_alerts() owner to vf_directory;
    revoke create on schema vf from vf_directory;
end;
$$;
"""


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
