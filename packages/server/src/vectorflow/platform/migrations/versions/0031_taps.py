"""Taps, the batches of events that wait for their requester, and captures.

A batch is sealed by the gateway to a key of its tap, and the private half of that is sealed with the organisation's key
and erased when the tap ends. The table of batches is unlogged: nothing of it reaches the write-ahead log, so neither an
archive of it nor a replica, and it is empty after a crash.
"""

from alembic import op

revision = "0031"
down_revision = "0030"

SQL = r"""
create table taps (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    pipeline_id uuid not null,
    component text not null check (length(component) between 1 and 128),
    port text not null check (length(port) <= 128),
    reason text not null check (length(reason) between 3 and 500),
    wish jsonb not null,
    account_id uuid not null,
    requested_by text not null check (length(requested_by) <= 200),
    relay_public bytea not null check (length(relay_public) = 32),
    relay_key vf.sealed,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    watched_at timestamptz not null default now(),
    ended_at timestamptz,
    ended text not null default '' check (length(ended) <= 40),
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, pipeline_id) references pipelines (organization_id, id),
    check ((ended_at is null) = (ended = '')),
    check (ended_at is null or relay_key is null)
);
create index taps_open on taps (organization_id, expires_at) where ended_at is null;
create index taps_environment on taps (organization_id, environment_id, id);
create index taps_pipeline on taps (organization_id, pipeline_id);
comment on column taps.component is 'plain: an id in a configuration';
comment on column taps.port is 'plain: the name of an output';
comment on column taps.reason is 'plain: why somebody looked, for the log and whoever reviews it';
comment on column taps.wish is 'plain: conditions, rate and length that were asked for';
comment on column taps.requested_by is 'plain: the name of who asked, as it was then';
comment on column taps.relay_public is 'plain: the public half of a key that lives as long as the tap';
comment on column taps.ended is 'plain: one of our words';
select vf.protect('taps', array['select', 'insert'], array['vf_app']);
grant update (relay_key, watched_at, ended_at, ended) on taps to vf_app;
grant select on taps to vf_worker, vf_signer;
grant update (relay_key, ended_at, ended) on taps to vf_worker;
grant update (relay_key) on taps to vf_signer;

create table tap_nodes (
    organization_id uuid not null references organizations (id),
    tap_id uuid not null,
    node_id uuid not null,
    sequence bigint not null default 0,
    taken bigint not null default 0,
    matched bigint not null default 0,
    dropped bigint not null default 0,
    sent bigint not null default 0,
    heard_at timestamptz,
    ended text not null default '' check (length(ended) <= 40),
    primary key (organization_id, tap_id, node_id),
    foreign key (organization_id, tap_id) references taps (organization_id, id) on delete cascade,
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
create index tap_nodes_node on tap_nodes (organization_id, node_id);
comment on column tap_nodes.ended is 'plain: one of our words';
select vf.protect('tap_nodes', array['select', 'insert', 'update'], array['vf_app']);

create unlogged table tap_batches (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    tap_id uuid not null,
    node_id uuid not null,
    body bytea not null check (length(body) <= 2097152),
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    foreign key (organization_id, tap_id) references taps (organization_id, id) on delete cascade,
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
create index tap_batches_tap on tap_batches (organization_id, tap_id, id);
create index tap_batches_node on tap_batches (organization_id, node_id);
comment on column tap_batches.body is 'plain: sealed to the key of its tap, which is sealed and short-lived itself';
select vf.protect('tap_batches', array['select', 'insert', 'delete'], array['vf_app']);
grant select, delete on tap_batches to vf_worker;

create table captures (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    pipeline_id uuid not null,
    component text not null check (length(component) between 1 and 128),
    port text not null check (length(port) <= 128),
    name text not null check (length(name) between 1 and 100),
    reason text not null check (length(reason) between 3 and 500),
    events integer not null check (events > 0),
    content vf.sealed not null,
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    expires_at timestamptz not null,
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, pipeline_id) references pipelines (organization_id, id)
);
create index captures_environment on captures (organization_id, environment_id, id);
create index captures_pipeline on captures (organization_id, pipeline_id, id);
create index captures_expiry on captures (organization_id, expires_at);
comment on column captures.component is 'plain: an id in a configuration';
comment on column captures.port is 'plain: the name of an output';
comment on column captures.name is 'plain: shown to those who may tap';
comment on column captures.reason is 'plain: why the events were looked at';
comment on column captures.created_by is 'plain: the name of who saved it, as it was then';
select vf.protect('captures', array['select', 'insert', 'delete'], array['vf_app']);
grant select, delete on captures to vf_worker;
grant select, update (content) on captures to vf_signer;
"""


def upgrade() -> None:
    """Make the tables."""
    op.get_bind().exec_driver_sql(SQL.replace("%", "%%"))
