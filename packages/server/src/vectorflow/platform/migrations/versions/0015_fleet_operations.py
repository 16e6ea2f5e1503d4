"""Running a fleet: statements to nodes, admission, rotated tokens, groups, maintenance, decommissioning.

The app role asks for a statement and takes the node's answer; only the signer may write its envelope.
"""

from alembic import op

revision = "0015"
down_revision = "0014"

NODES = r"""
alter table nodes
    add column admission text not null default 'admitted'
        check (admission in ('admitted', 'pending', 'rejected')),
    add column duplicate_reason text check (duplicate_reason in ('machine-id', 'clone')),
    -- Two machines speak with this node's identity; tokens that were replaced stay valid until a person decides.
    add column clone_suspected_at timestamptz,
    add column decommission_requested_at timestamptz,
    add column decommissioned_at timestamptz,
    add column maintenance_since timestamptz,
    add column maintenance_until timestamptz,
    add column maintenance_note text not null default '' check (length(maintenance_note) <= 500),
    -- The time in the newest claim for a new token, so that an old claim is of no use.
    add column rotation_claimed_at bigint not null default 0;
alter table nodes no force row level security;
update nodes set duplicate_reason = 'machine-id' where duplicate_of is not null;
alter table nodes force row level security;
create index nodes_labels on nodes using gin (labels);
create index nodes_duplicate on nodes (organization_id, duplicate_of) where duplicate_of is not null;
comment on column nodes.admission is 'plain: one of our words';
comment on column nodes.duplicate_reason is 'plain: one of our words';
comment on column nodes.maintenance_note is 'plain: why, shown to the members of the environment';
comment on column nodes.labels is 'plain: assigned by people or by the enrolment token, never by the agent';

alter table enrolment_tokens
    add column allowed_addresses text[] not null default '{}',
    add column approval boolean not null default false;
comment on column enrolment_tokens.allowed_addresses is 'plain: networks from which the token may be used';

alter table node_tokens
    add column first_used_at timestamptz,
    add column superseded_at timestamptz,
    add column valid_until timestamptz,
    -- The key that goes with this token, where the node has another one by now.
    add column identity_key bytea check (length(identity_key) = 32);
comment on column node_tokens.identity_key is 'plain: a public key';
alter table node_tokens no force row level security;
update node_tokens set first_used_at = created_at;
alter table node_tokens force row level security;
grant update (first_used_at, superseded_at, valid_until, identity_key) on node_tokens to vf_app;

create table enrolment_challenges (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    node_id uuid not null,
    nonce_hash bytea not null check (length(nonce_hash) = 32),
    expires_at timestamptz not null,
    primary key (organization_id, id)
);
create index enrolment_challenges_expiry on enrolment_challenges (organization_id, expires_at);
comment on column enrolment_challenges.nonce_hash is 'plain: SHA-256 of 256 random bits';
select vf.protect('enrolment_challenges', array['select', 'insert', 'delete'], array['vf_app']);
"""

STATEMENTS = r"""
create table statements (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    node_id uuid not null,
    kind text not null check (length(kind) between 1 and 40),
    arguments jsonb not null default '{}',
    created_at timestamptz not null default now(),
    created_by text not null check (length(created_by) <= 200),
    expires_at timestamptz not null,
    state text not null default 'requested'
        check (state in ('requested', 'signed', 'done', 'refused', 'cancelled')),
    envelope bytea,
    -- An envelope lives a day at most; what is wanted for longer is signed again.
    signed_until timestamptz,
    answered_at timestamptz,
    reason text not null default '' check (length(reason) <= 200),
    message text not null default '' check (length(message) <= 4000),
    primary key (organization_id, id),
    foreign key (organization_id, node_id) references nodes (organization_id, id),
    check (state <> 'signed' or envelope is not null)
);
create index statements_node on statements (organization_id, node_id, id);
create index statements_open on statements (organization_id, node_id) where state in ('requested', 'signed');
comment on column statements.kind is 'plain: one of our words';
comment on column statements.arguments is 'plain: what is asked for, shown to people; no secrets';
comment on column statements.created_by is 'plain: the name of who asked, as it was then';
comment on column statements.state is 'plain: one of our words';
comment on column statements.envelope is 'plain: signed, for the node to read';
comment on column statements.reason is 'plain: one of our words';
comment on column statements.message is 'plain: the agent''s words, without secrets';
select vf.protect('statements', array['select'], array['vf_app', 'vf_worker', 'vf_signer']);
grant insert (organization_id, id, node_id, kind, arguments, created_by, expires_at) on statements to vf_app, vf_worker;
grant update (state, answered_at, reason, message) on statements to vf_app, vf_worker;
grant update (state, envelope, signed_until) on statements to vf_signer;
create policy directory on statements for select to vf_directory using (true);
grant select on statements to vf_directory;

alter table reports add column statement_id uuid;
"""

GROUPS = r"""
create table node_groups (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    environment_id uuid not null,
    name text not null check (length(name) between 1 and 100),
    description text not null default '' check (length(description) <= 1000),
    selector text not null check (length(selector) <= 1000),
    requirements jsonb not null,
    timezone text not null default 'UTC' check (length(timezone) between 1 and 100),
    windows jsonb not null default '[]',
    maintenance_since timestamptz,
    maintenance_until timestamptz,
    maintenance_note text not null default '' check (length(maintenance_note) <= 500),
    created_at timestamptz not null default now(),
    version integer not null default 1 check (version > 0),
    primary key (organization_id, id),
    unique (organization_id, environment_id, name),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
comment on column node_groups.name is 'plain: shown to the members of the environment';
comment on column node_groups.description is 'plain: shown to the members of the environment';
comment on column node_groups.selector is 'plain: which labels a node of the group has';
comment on column node_groups.requirements is 'plain: the selector, parsed';
comment on column node_groups.timezone is 'plain: name of a time zone';
comment on column node_groups.windows is 'plain: weekly times of maintenance';
comment on column node_groups.maintenance_note is 'plain: why, shown to the members of the environment';
select vf.protect('node_groups', array['select', 'insert', 'update', 'delete']);

-- Which nodes a pipeline is for. An empty list of requirements is every node of the environment.
alter table deployments
    add column selector text not null default '' check (length(selector) <= 1000),
    add column requirements jsonb not null default '[]',
    add column group_id uuid,
    add foreign key (organization_id, group_id) references node_groups (organization_id, id);
comment on column deployments.selector is 'plain: which labels a node has that the pipeline is for';
comment on column deployments.requirements is 'plain: the selector, parsed';
create index deployments_group on deployments (organization_id, group_id) where group_id is not null;
alter table rollouts
    add column selector text not null default '' check (length(selector) <= 1000),
    add column requirements jsonb not null default '[]',
    add column group_id uuid;
comment on column rollouts.selector is 'plain: which labels a node has that the rollout goes to';
comment on column rollouts.requirements is 'plain: the selector, parsed';

create table fleet_settings (
    organization_id uuid not null references organizations (id),
    environment_id uuid not null,
    stale_after_days integer not null default 7 check (stale_after_days between 1 and 3650),
    decommission_after_days integer check (decommission_after_days between 1 and 3650),
    version integer not null default 1 check (version > 0),
    primary key (organization_id, environment_id),
    foreign key (organization_id, environment_id) references environments (organization_id, id)
);
select vf.protect('fleet_settings', array['select', 'insert', 'update']);
"""

FUNCTIONS = r"""
drop function vf.node_token(uuid);
-- Whose node token this is; asked before any scope exists, by the token's exact id. `succeeded`: a newer token of
-- the node has been in use for two minutes, so whoever still uses this one may be another machine.
create function vf.node_token(token uuid)
returns table (organization_id uuid, slug text, environment_id uuid, node_id uuid, secret_hash bytea,
               identity_key bytea, sealing_key bytea, used boolean, succeeded boolean, told boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select t.organization_id, o.slug, n.environment_id, t.node_id, t.secret_hash,
          coalesce(t.identity_key, n.identity_key), n.sealing_key, t.first_used_at is not null,
          t.superseded_at is not null and exists (
              select 1 from public.node_tokens s
              where s.organization_id = t.organization_id and s.node_id = t.node_id and s.created_at > t.created_at
                and s.first_used_at < now() - interval '2 minutes'),
          exists (
              select 1 from public.statements s
              where s.organization_id = t.organization_id and s.node_id = t.node_id and s.state = 'signed'
                and s.signed_until > now())
   from public.node_tokens t
   join public.nodes n on n.organization_id = t.organization_id and n.id = t.node_id
   join public.organizations o on o.id = t.organization_id
   where t.id = token and t.revoked_at is null and n.revoked_at is null
     and (t.valid_until is null or t.valid_until > now() or n.clone_suspected_at is not null) $$;

drop function vf.enrolment_token(uuid);
create function vf.enrolment_token(token uuid)
returns table (organization_id uuid, slug text, environment_id uuid, secret_hash bytea,
               expires_at timestamptz, spent boolean, revoked boolean, allowed_addresses text[], approval boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select t.organization_id, o.slug, t.environment_id, t.secret_hash, t.expires_at,
          t.uses >= t.max_uses, t.revoked_at is not null, t.allowed_addresses, t.approval
   from public.enrolment_tokens t join public.organizations o on o.id = t.organization_id
   where t.id = token $$;

-- Organisations where a bundle or a statement waits for a signature: the signer's own list.
drop function vf.organizations_to_sign();
create function vf.organizations_to_sign() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select n.organization_id
   from public.nodes n
   left join public.bundles b on b.organization_id = n.organization_id and b.node_id = n.id
   where n.revoked_at is null and (n.wanted > coalesce(b.generation, 0) or b.half_life_at < now())
   union
   select s.organization_id from public.statements s
   where s.state = 'requested' and s.expires_at > now()
      or s.state = 'signed' and s.signed_until < now() and s.expires_at > now() $$;

do $$
declare
    made record;
begin
    grant create on schema vf to vf_directory;
    for made in select * from (values
        ('vf.node_token(uuid)', 'vf_app'),
        ('vf.enrolment_token(uuid)', 'vf_app'),
        ('vf.organizations_to_sign()', 'vf_signer')) as f (signature, caller)
    loop
        execute format('revoke all on function %s from public', made.signature);
        execute format('grant execute on function %s to %I', made.signature, made.caller);
        execute format('alter function %s owner to vf_directory', made.signature);
    end loop;
    revoke create on schema vf from vf_directory;
end;
$$;
"""


def upgrade() -> None:
    """Add what running a fleet needs."""
    for statements in (NODES, STATEMENTS, GROUPS, FUNCTIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
