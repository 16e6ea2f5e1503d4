"""Nodes, enrolment, assignments, bundles, sealed secrets, reports and presence.

The app role never writes a bundle and never reads a sealed secret; only the signer does. Presence is written
for many organisations at once by one definer function, which is all that the telemetry role may call.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

NODES = r"""
create table nodes (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 200),
    machine_id text not null check (length(machine_id) between 1 and 200),
    hostname text not null check (length(hostname) between 1 and 255),
    identity_key bytea not null check (length(identity_key) = 32),
    sealing_key bytea not null check (length(sealing_key) = 32),
    facts jsonb not null default '{}',
    platform jsonb not null default '{}',
    labels jsonb not null default '{}',
    agent_version text not null default '' check (length(agent_version) <= 100),
    engine_kind text not null default '' check (length(engine_kind) <= 40),
    engine_version text not null default '' check (length(engine_version) <= 100),
    engine_digest text not null default '' check (length(engine_digest) <= 100),
    duplicate_of uuid,
    -- Raised whenever what the node should run changes; a bundle of a lower generation is out of date.
    wanted bigint not null default 0,
    enrolled_at timestamptz not null default now(),
    revoked_at timestamptz,
    version integer not null default 1 check (version > 0),
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
create index nodes_environment on nodes (organization_id, environment_id, name, id);
create index nodes_machine on nodes (organization_id, environment_id, machine_id) where revoked_at is null;
comment on column nodes.name is 'plain: shown to the members of the environment';
comment on column nodes.machine_id is 'plain: told by the agent, tells machines apart';
comment on column nodes.hostname is 'plain: told by the agent';
comment on column nodes.identity_key is 'plain: a public key';
comment on column nodes.sealing_key is 'plain: a public key';
comment on column nodes.facts is 'plain: what the agent tells about its machine';
comment on column nodes.platform is 'plain: what the agent tells about its machine';
comment on column nodes.labels is 'plain: assigned by the enrolment token';
comment on column nodes.agent_version is 'plain: a version';
comment on column nodes.engine_kind is 'plain: one of our words';
comment on column nodes.engine_version is 'plain: a version';
comment on column nodes.engine_digest is 'plain: SHA-256 of a program';
select vf.protect('nodes', array['select', 'insert', 'update']);
create policy directory on nodes for select to vf_directory using (true);
grant select on nodes to vf_signer, vf_directory;

-- Apart from `nodes`, because every heartbeat updates it.
create table node_presence (
    organization_id uuid not null,
    node_id uuid not null,
    environment_id uuid not null,
    last_seen_at timestamptz,
    heartbeat_seconds real not null default 15 check (heartbeat_seconds > 0),
    generation bigint not null default 0,
    issue integer not null default 0,
    agent_version text not null default '',
    engine_kind text not null default '',
    engine_version text not null default '',
    reasons text[] not null default '{}',
    running integer not null default 0,
    received_rate real not null default 0,
    sent_rate real not null default 0,
    errors_rate real not null default 0,
    agent json,
    host json,
    pipelines json not null default '[]',
    primary key (organization_id, node_id),
    foreign key (organization_id, node_id) references nodes (organization_id, id)
) with (fillfactor = 50);
comment on column node_presence.agent_version is 'plain: a version';
comment on column node_presence.engine_kind is 'plain: one of our words';
comment on column node_presence.engine_version is 'plain: a version';
comment on column node_presence.reasons is 'plain: why the node is degraded, our words';
comment on column node_presence.agent is 'plain: the agent about itself';
comment on column node_presence.host is 'plain: processor, memory and disk of the machine';
comment on column node_presence.pipelines is 'plain: what each pipeline is doing, counters left out';
select vf.protect('node_presence', array['select', 'insert']);
create policy presence on node_presence for all to vf_presence using (true) with check (true);
grant select, update on node_presence to vf_presence;
grant select on node_presence to vf_directory;
"""

TOKENS = r"""
create table enrolment_tokens (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    secret_hash bytea not null check (length(secret_hash) = 32),
    labels jsonb not null default '{}',
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    expires_at timestamptz not null,
    max_uses integer not null check (max_uses > 0),
    uses integer not null default 0 check (uses >= 0 and uses <= max_uses),
    revoked_at timestamptz,
    version integer not null default 1 check (version > 0),
    primary key (organization_id, id),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
create index enrolment_tokens_environment on enrolment_tokens (organization_id, environment_id, id);
comment on column enrolment_tokens.name is 'plain: shown to the members of the environment';
comment on column enrolment_tokens.secret_hash is 'plain: SHA-256 of 256 random bits';
comment on column enrolment_tokens.labels is 'plain: given to the nodes that enrol with it';
comment on column enrolment_tokens.created_by is 'plain: the name of who made it, as it was then';
select vf.protect('enrolment_tokens', array['select', 'insert', 'update'], array['vf_app']);
create policy directory on enrolment_tokens for select to vf_directory using (true);
grant select on enrolment_tokens to vf_directory;

create table node_tokens (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    node_id uuid not null,
    secret_hash bytea not null check (length(secret_hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (organization_id, id),
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
create index node_tokens_node on node_tokens (organization_id, node_id);
comment on column node_tokens.secret_hash is 'plain: SHA-256 of 256 random bits';
select vf.protect('node_tokens', array['select', 'insert'], array['vf_app']);
grant update (revoked_at) on node_tokens to vf_app;
create policy directory on node_tokens for select to vf_directory using (true);
grant select on node_tokens to vf_directory;
"""

ASSIGNMENTS = r"""
-- What every node of an environment should have of a pipeline once its rollout is done; a node that enrols
-- later begins with this. Written by the room above that rolls out.
create table deployments (
    organization_id uuid not null references organizations (id),
    environment_id uuid not null,
    pipeline_id uuid not null,
    revision integer not null,
    desired text not null check (desired in ('run', 'hold', 'stop')),
    updated_at timestamptz not null default now(),
    primary key (organization_id, environment_id, pipeline_id),
    foreign key (organization_id, environment_id) references environments (organization_id, id),
    foreign key (organization_id, pipeline_id, revision) references revisions (organization_id, pipeline_id, number)
);
create index deployments_pipeline on deployments (organization_id, pipeline_id);
comment on column deployments.desired is 'plain: one of our words';
select vf.protect('deployments', array['select', 'insert', 'update']);

create table assignments (
    organization_id uuid not null references organizations (id),
    node_id uuid not null,
    pipeline_id uuid not null,
    revision integer not null,
    -- The revision before, which the hand-over is computed against; none for the first.
    previous_revision integer,
    desired text not null check (desired in ('run', 'hold', 'stop')),
    reason text not null default '' check (length(reason) <= 1000),
    -- A report counts for this assignment only from a bundle of this generation on.
    generation bigint not null,
    attempt integer not null default 0,
    assigned_at timestamptz not null default now(),
    primary key (organization_id, node_id, pipeline_id),
    foreign key (organization_id, node_id) references nodes (organization_id, id),
    foreign key (organization_id, pipeline_id, revision) references revisions (organization_id, pipeline_id, number)
);
create index assignments_pipeline on assignments (organization_id, pipeline_id);
comment on column assignments.desired is 'plain: one of our words';
comment on column assignments.reason is 'plain: why, shown to people and agent';
select vf.protect('assignments', array['select', 'insert', 'update']);
grant select on assignments to vf_signer, vf_presence;
create policy presence on assignments for select to vf_presence using (true);

create table bundles (
    organization_id uuid not null references organizations (id),
    node_id uuid not null,
    generation bigint not null,
    issue integer not null check (issue > 0),
    envelope bytea not null,
    hashes text[] not null,
    issued_at timestamptz not null,
    half_life_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (organization_id, node_id),
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
comment on column bundles.envelope is 'plain: signed; its secrets are sealed to the node';
comment on column bundles.hashes is 'plain: SHA-256 of the files the node may fetch';
select vf.protect('bundles', array['select'], array['vf_app', 'vf_worker', 'vf_signer']);
grant insert, update on bundles to vf_signer;
create policy directory on bundles for select to vf_directory using (true);
grant select on bundles to vf_directory;

create table sealed_secrets (
    organization_id uuid not null references organizations (id),
    version_id uuid not null,
    node_id uuid not null,
    key_id text not null check (length(key_id) between 1 and 64),
    sealed text not null,
    created_at timestamptz not null default now(),
    primary key (organization_id, version_id, node_id, key_id),
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
comment on column sealed_secrets.key_id is 'plain: id of a public key';
comment on column sealed_secrets.sealed is 'plain: a box that only the node''s private key opens';
select vf.protect('sealed_secrets', array['select', 'insert'], array['vf_signer']);
"""

REPORTS = r"""
create table reports (
    organization_id uuid not null references organizations (id),
    node_id uuid not null,
    sequence bigint not null check (sequence > 0),
    kind text not null check (length(kind) <= 40),
    pipeline_id uuid,
    revision text not null default '' check (length(revision) <= 128),
    number integer not null default 0,
    generation bigint not null default 0,
    issue integer not null default 0,
    reason text not null default '' check (length(reason) <= 200),
    message text not null default '' check (length(message) <= 16100),
    engine_output text[] not null default '{}',
    at timestamptz not null,
    received_at timestamptz not null default clock_timestamp(),
    envelope bytea not null,
    primary key (organization_id, node_id, sequence),
    foreign key (organization_id, node_id) references nodes (organization_id, id)
);
create index reports_pipeline on reports (organization_id, pipeline_id, node_id, sequence);
comment on column reports.kind is 'plain: one of our words';
comment on column reports.revision is 'plain: SHA-256 of a configuration';
comment on column reports.reason is 'plain: one of our words';
comment on column reports.message is 'plain: the agent''s words, without secrets';
comment on column reports.engine_output is 'plain: the engine''s own last lines, cleaned';
comment on column reports.envelope is 'plain: what the node signed';
select vf.protect('reports', array['select'], array['vf_app', 'vf_worker', 'vf_signer']);
grant insert on reports to vf_app;
create trigger only_grows before update or delete or truncate on reports
    for each statement execute function vf.refuse_change();
"""

FUNCTIONS = r"""
-- Whose node token this is; asked before any scope exists, by the token's exact id.
create function vf.node_token(token uuid)
returns table (organization_id uuid, slug text, environment_id uuid, node_id uuid, secret_hash bytea,
               identity_key bytea, sealing_key bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select t.organization_id, o.slug, n.environment_id, t.node_id, t.secret_hash, n.identity_key, n.sealing_key
   from public.node_tokens t
   join public.nodes n on n.organization_id = t.organization_id and n.id = t.node_id
   join public.organizations o on o.id = t.organization_id
   where t.id = token and t.revoked_at is null and n.revoked_at is null $$;

create function vf.enrolment_token(token uuid)
returns table (organization_id uuid, slug text, environment_id uuid, secret_hash bytea,
               expires_at timestamptz, spent boolean, revoked boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select t.organization_id, o.slug, t.environment_id, t.secret_hash, t.expires_at,
          t.uses >= t.max_uses, t.revoked_at is not null
   from public.enrolment_tokens t join public.organizations o on o.id = t.organization_id
   where t.id = token $$;

-- Versions of many nodes' bundles in one statement, whatever their organisation: versions, no content.
create function vf.bundle_versions(node_ids uuid[])
returns table (node_id uuid, generation bigint, issue integer)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select b.node_id, b.generation, b.issue from unnest(node_ids) as wanted (id)
   join public.nodes n on n.id = wanted.id
   join public.bundles b on b.organization_id = n.organization_id and b.node_id = n.id $$;

-- Organisations where a bundle is missing, out of date or past its half life: the signer's own list.
create function vf.organizations_to_sign() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select distinct n.organization_id
   from public.nodes n
   left join public.bundles b on b.organization_id = n.organization_id and b.node_id = n.id
   where n.revoked_at is null and (n.wanted > coalesce(b.generation, 0) or b.half_life_at < now()) $$;

create function vf.organizations_for_keys() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select id from public.organizations order by id $$;

-- One update for all nodes of a flush; an older heartbeat never overwrites a newer one.
create function vf.presence_update(beats json) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.node_presence p set
       last_seen_at = b.seen_at, heartbeat_seconds = b.heartbeat_seconds, generation = b.generation,
       issue = b.issue, agent_version = b.agent_version, engine_kind = b.engine_kind,
       engine_version = b.engine_version, reasons = b.reasons, running = b.running,
       received_rate = b.received_rate, sent_rate = b.sent_rate, errors_rate = b.errors_rate,
       agent = b.agent, host = b.host, pipelines = b.pipelines
   from json_to_recordset(beats) as b (
       organization_id uuid, node_id uuid, seen_at timestamptz, heartbeat_seconds real, generation bigint,
       issue integer, agent_version text, engine_kind text, engine_version text, reasons text[], running integer,
       received_rate real, sent_rate real, errors_rate real, agent json, host json, pipelines json)
   where p.organization_id = b.organization_id and p.node_id = b.node_id
     and (p.last_seen_at is null or p.last_seen_at < b.seen_at) $$;
"""

SECRETS = r"""
-- A secret that gets a new value is a change of what nodes should run, in the same transaction and whoever makes it.
-- Runs with the rights and the scope of whoever changed the secret.
create function vf.secret_changed() returns trigger
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    touched integer;
begin
    update public.nodes n
    set wanted = greatest(n.wanted + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
    where n.organization_id = new.organization_id and n.environment_id = new.environment_id
      and n.revoked_at is null and exists (
        select 1 from public.assignments a
        join public.revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
            and r.number = a.revision
        where a.organization_id = n.organization_id and a.node_id = n.id and new.name = any(r.secrets));
    get diagnostics touched = row_count;
    if touched > 0 then
        perform pg_notify('vectorflow', json_build_object(
            'topic', 'fleet.assignments', 'organization_id', new.organization_id)::text);
    end if;
    return null;
end;
$$;
revoke all on function vf.secret_changed() from public;
create trigger secret_changed after insert or update of version on secrets
    for each row execute function vf.secret_changed();
"""

OWNERS = r"""
create index nodes_id on nodes (id);
do $$
declare
    made record;
begin
    grant create on schema vf to vf_directory, vf_presence;
    for made in select * from (values
        ('vf.node_token(uuid)', 'vf_directory', 'vf_app'),
        ('vf.enrolment_token(uuid)', 'vf_directory', 'vf_app'),
        ('vf.bundle_versions(uuid[])', 'vf_directory', 'vf_app'),
        ('vf.organizations_to_sign()', 'vf_directory', 'vf_signer'),
        ('vf.organizations_for_keys()', 'vf_directory', 'vf_signer'),
        ('vf.presence_update(json)', 'vf_presence', 'vf_telemetry')) as f (signature, owner, caller)
    loop
        execute format('revoke all on function %s from public', made.signature);
        execute format('grant execute on function %s to %I', made.signature, made.caller);
        execute format('alter function %s owner to %I', made.signature, made.owner);
    end loop;
    revoke create on schema vf from vf_directory, vf_presence;
end;
$$;
"""


def upgrade() -> None:
    """Create the tables of the room fleet and the functions that look things up before a scope exists."""
    for statements in (NODES, TOKENS, ASSIGNMENTS, REPORTS, FUNCTIONS, SECRETS, OWNERS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
