"""Organisations, teams, environments, accounts, sessions, the audit log and idempotency keys.

Global tables (no `organization_id`, no grant to any serving role; reached through `vf.*` by exact key):
`accounts` and `sessions` (a person belongs to no organisation), `sign_in_counters` (counted before anybody is
known), `organization_slugs` (the directory: which slug was ever issued).
"""

from alembic import op

revision = "0002"
down_revision = "0001"

TENANCY = r"""
create table organizations (
    id uuid primary key,
    slug text not null unique check (slug ~ '^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$'),
    name text not null check (length(name) between 1 and 100),
    created_at timestamptz not null default now()
);
comment on column organizations.slug is 'plain: a public name, part of addresses and tokens';
comment on column organizations.name is 'plain: shown to every member';
alter table organizations enable row level security;
alter table organizations force row level security;
create policy tenant on organizations for all to public
    using (id = (select vf.org())) with check (id = (select vf.org()));
create policy directory on organizations for select to vf_directory using (true);
revoke all on organizations from public;
grant select, insert, update (name) on organizations to vf_app;
grant select on organizations to vf_worker, vf_signer, vf_directory;

-- Every slug that was ever issued; a row is never changed or removed, so a slug is never issued twice.
create table organization_slugs (
    slug text primary key check (slug ~ '^[a-z0-9][a-z0-9-]{1,30}[a-z0-9]$'),
    organization_id uuid not null unique,
    issued_at timestamptz not null default now()
);
revoke all on organization_slugs from public;
grant select, insert on organization_slugs to vf_directory;

create function vf.refuse_change() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    raise exception '% only grows', tg_table_name using errcode = '42501';
end;
$$;
create trigger only_grows before update or delete or truncate on organization_slugs
    for each statement execute function vf.refuse_change();

create table accounts (
    id uuid primary key,
    email text not null check (email = lower(email) and length(email) between 3 and 254),
    name text not null check (length(name) between 1 and 100),
    password_hash text,
    created_at timestamptz not null default now(),
    disabled_at timestamptz,
    unique (email)
);
revoke all on accounts from public;
grant select, insert on accounts to vf_directory;

create table memberships (
    organization_id uuid not null references organizations (id),
    account_id uuid not null references accounts (id),
    role text not null check (role in ('OWNER', 'ADMIN', 'MEMBER', 'AUDITOR')),
    created_at timestamptz not null default now(),
    primary key (organization_id, account_id)
);
create index memberships_account on memberships (account_id);
comment on column memberships.role is 'plain: decides what the account may do';
select vf.protect('memberships', array['select', 'insert', 'update', 'delete']);
create policy directory on memberships for select to vf_directory using (true);
grant select on memberships to vf_directory;

create table teams (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    slug text not null check (slug ~ '^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$'),
    name text not null check (length(name) between 1 and 100),
    created_at timestamptz not null default now(),
    primary key (organization_id, id),
    unique (organization_id, slug)
);
comment on column teams.slug is 'plain: part of addresses';
comment on column teams.name is 'plain: shown to every member';
select vf.protect('teams', array['select', 'insert', 'update', 'delete']);

create table team_memberships (
    organization_id uuid not null references organizations (id),
    team_id uuid not null,
    account_id uuid not null,
    role text not null check (role in ('VIEWER', 'EDITOR', 'DEPLOYER', 'ADMIN')),
    created_at timestamptz not null default now(),
    primary key (organization_id, team_id, account_id),
    foreign key (organization_id, team_id) references teams (organization_id, id) on delete cascade,
    foreign key (organization_id, account_id)
        references memberships (organization_id, account_id) on delete cascade
);
create index team_memberships_account on team_memberships (organization_id, account_id);
comment on column team_memberships.role is 'plain: decides what the account may do';
select vf.protect('team_memberships', array['select', 'insert', 'update', 'delete']);

-- Never deleted, only archived: an environment's slug is never issued twice.
create table environments (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    team_id uuid not null,
    slug text not null check (slug ~ '^[a-z0-9][a-z0-9-]{0,30}[a-z0-9]$'),
    name text not null check (length(name) between 1 and 100),
    position integer not null check (position >= 0),
    created_at timestamptz not null default now(),
    archived_at timestamptz,
    primary key (organization_id, id),
    unique (organization_id, slug),
    foreign key (organization_id, team_id) references teams (organization_id, id)
);
comment on column environments.slug is 'plain: part of addresses';
comment on column environments.name is 'plain: shown to the members of its team';
select vf.protect('environments', array['select', 'insert']);
grant update (name, position, team_id, archived_at) on environments to vf_app;

create table idempotency_keys (
    organization_id uuid not null references organizations (id),
    actor_id uuid not null,
    route text not null,
    key text not null check (length(key) between 1 and 200),
    body_hash bytea not null check (length(body_hash) = 32),
    created_at timestamptz not null default now(),
    secret boolean not null default false,
    status integer,
    headers jsonb,
    body bytea,
    primary key (organization_id, actor_id, route, key),
    check (not secret or body is null)
);
create index idempotency_keys_created on idempotency_keys (organization_id, created_at);
comment on column idempotency_keys.route is 'plain: the operation, a word of ours';
comment on column idempotency_keys.key is 'plain: chosen by the client to name a request';
comment on column idempotency_keys.body_hash is 'plain: SHA-256, compared only';
comment on column idempotency_keys.headers is 'plain: ETag and Location of the answer';
comment on column idempotency_keys.body is 'plain: an answer without secrets, see the check, kept a day';
select vf.protect('idempotency_keys', array['select', 'insert', 'update', 'delete']);
"""

IDENTITY = r"""
create table sessions (
    id uuid primary key,
    token_hash bytea not null unique check (length(token_hash) = 32),
    account_id uuid not null references accounts (id),
    created_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    expires_at timestamptz not null,
    idle interval not null default interval '2 hours',
    revoked_at timestamptz,
    user_agent text,
    address text,
    check (expires_at <= created_at + interval '12 hours 1 minute')
);
create index sessions_account on sessions (account_id, created_at);
revoke all on sessions from public;
grant select, insert, update (last_seen_at, revoked_at) on sessions to vf_directory;

create table sign_in_counters (
    kind text not null check (kind in ('account', 'address')),
    key bytea not null check (length(key) = 32),
    window_began_at timestamptz not null default now(),
    attempts integer not null check (attempts >= 0),
    primary key (kind, key)
);
revoke all on sign_in_counters from public;
grant select, insert, update, delete on sign_in_counters to vf_directory;

-- Look-ups that must happen before a scope exists, each by one exact key.
create function vf.organization_by_slug(wanted text) returns uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select organization_id from public.organization_slugs where slug = wanted $$;

create function vf.slug_claim(wanted text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.organization_slugs (slug, organization_id) values (wanted, vf.org()) $$;

create function vf.account_create(new_id uuid, new_email text, new_name text, new_password_hash text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.accounts (id, email, name, password_hash)
   values (new_id, new_email, new_name, new_password_hash) $$;

create function vf.account_for_sign_in(wanted text)
returns table (id uuid, email text, name text, password_hash text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select a.id, a.email, a.name, a.password_hash from public.accounts a
   where a.email = wanted and a.disabled_at is null $$;

create function vf.session_open(
    new_id uuid, hash bytea, account uuid, until timestamptz, agent text, from_address text, replaced bytea)
returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.sessions (id, token_hash, account_id, expires_at, user_agent, address)
   values (new_id, hash, account, until, agent, from_address);
   update public.sessions set revoked_at = now() where token_hash = replaced and revoked_at is null returning id $$;

create function vf.session_by_hash(hash bytea)
returns table (id uuid, account_id uuid, email text, name text, created_at timestamptz,
               last_seen_at timestamptz, expires_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select s.id, s.account_id, a.email, a.name, s.created_at, s.last_seen_at, s.expires_at
   from public.sessions s join public.accounts a on a.id = s.account_id
   where s.token_hash = hash and s.revoked_at is null and s.expires_at > now()
     and s.last_seen_at > now() - s.idle and a.disabled_at is null $$;

create function vf.session_touch(hash bytea) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update public.sessions set last_seen_at = now()
   where token_hash = hash and revoked_at is null and last_seen_at < now() - interval '30 seconds' $$;

-- What follows takes the caller's own session as its key: nobody can ask about another account.
create function vf.sessions_of_holder(hash bytea)
returns table (id uuid, created_at timestamptz, last_seen_at timestamptz, expires_at timestamptz,
               user_agent text, address text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select s.id, s.created_at, s.last_seen_at, s.expires_at, s.user_agent, s.address
   from public.sessions s join vf.session_by_hash(hash) holder on holder.account_id = s.account_id
   where s.revoked_at is null and s.expires_at > now() and s.last_seen_at > now() - s.idle
   order by s.created_at desc, s.id desc $$;

create function vf.session_revoke(hash bytea, target uuid) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ with holder as (select account_id from vf.session_by_hash(hash)),
   ended as (update public.sessions s set revoked_at = now() from holder
             where s.id = target and s.account_id = holder.account_id and s.revoked_at is null returning 1)
   select exists (select 1 from ended) $$;

create function vf.organizations_of_holder(hash bytea)
returns table (id uuid, slug text, name text, role text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select o.id, o.slug, o.name, m.role
   from vf.session_by_hash(hash) holder
   join public.memberships m on m.account_id = holder.account_id
   join public.organizations o on o.id = m.organization_id
   order by o.name, o.id $$;

-- Names and addresses of the accounts that are members of the organisation in scope.
create function vf.member_accounts() returns table (id uuid, email text, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select a.id, a.email, a.name from public.accounts a
   join public.memberships m on m.account_id = a.id
   where m.organization_id = (select vf.org()) $$;

-- Counts an attempt before the password is looked at, so that parallel guesses cannot slip through.
-- Returns the seconds to wait, 0 when the attempt may go on.
create function vf.sign_in_attempt(account_key bytea, address_key bytea, account_limit integer,
                                   address_limit integer, window_length interval)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    wait double precision := 0;
    counted record;
begin
    for counted in
        insert into public.sign_in_counters as c (kind, key, attempts)
        values ('account', account_key, 1), ('address', address_key, 1)
        on conflict (kind, key) do update set
            attempts = case when c.window_began_at < now() - window_length then 1 else c.attempts + 1 end,
            window_began_at = case when c.window_began_at < now() - window_length then now() else c.window_began_at end
        returning kind, attempts, window_began_at
    loop
        if counted.attempts > (case counted.kind when 'account' then account_limit else address_limit end) then
            wait := greatest(wait, extract(epoch from counted.window_began_at + window_length - now()), 1);
        end if;
    end loop;
    return ceil(wait)::integer;
end;
$$;

create function vf.sign_in_succeeded(account_key bytea, address_key bytea) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ delete from public.sign_in_counters where kind = 'account' and key = account_key;
   update public.sign_in_counters set attempts = greatest(attempts - 1, 0)
   where kind = 'address' and key = address_key $$;
"""

AUDIT = r"""
create table audit_records (
    organization_id uuid not null references organizations (id),
    sequence bigint not null check (sequence > 0),
    at timestamptz not null,
    actor jsonb not null,
    action text not null,
    object_type text not null,
    object_id text not null,
    summary text not null,
    before jsonb,
    after jsonb,
    previous_hash bytea not null check (length(previous_hash) = 32),
    hash bytea not null check (length(hash) = 32),
    primary key (organization_id, sequence)
);
comment on column audit_records.actor is 'plain: who did it, as shown in the log';
comment on column audit_records.action is 'plain: one of our words';
comment on column audit_records.object_type is 'plain: one of our words';
comment on column audit_records.object_id is 'plain: an id';
comment on column audit_records.summary is 'plain: a sentence made by us, without secrets';
comment on column audit_records.before is 'plain: redacted before it is written';
comment on column audit_records.after is 'plain: redacted before it is written';
comment on column audit_records.previous_hash is 'plain: SHA-256 of the record before';
comment on column audit_records.hash is 'plain: SHA-256 of this record';
select vf.protect('audit_records', array['select'], array['vf_app', 'vf_worker', 'vf_signer']);
grant insert on audit_records to vf_auditor;
create trigger only_grows before update or delete or truncate on audit_records
    for each statement execute function vf.refuse_change();

create table audit_heads (
    organization_id uuid primary key references organizations (id),
    sequence bigint not null,
    hash bytea not null check (length(hash) = 32)
);
comment on column audit_heads.hash is 'plain: SHA-256 of the newest record';
select vf.protect('audit_heads', array['select']);
grant select, insert, update on audit_heads to vf_auditor;

-- Appends entries, each the canonical JSON (RFC 8785) of what was done. Columns and hash are both made from that
-- very text, so they cannot disagree. The chained text is canonical JSON too: ASCII, keys in order.
create function vf.audit_append(entries text[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
    head public.audit_heads;
    entry text;
    parsed jsonb;
    moment timestamptz;
    chained text;
    digest bytea;
begin
    if organization is null then
        raise exception 'an audit entry needs an organisation' using errcode = '42501';
    end if;
    insert into public.audit_heads (organization_id, sequence, hash)
    values (organization, 0, sha256(convert_to('vectorflow.audit.' || organization::text, 'UTF8')))
    on conflict (organization_id) do nothing;
    select * into strict head from public.audit_heads where organization_id = organization for update;
    foreach entry in array entries loop
        parsed := entry::jsonb;
        moment := date_trunc('milliseconds', clock_timestamp());
        head.sequence := head.sequence + 1;
        chained := '{"at":"' || to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            || '","entry":"' || encode(sha256(convert_to(entry, 'UTF8')), 'hex')
            || '","organization_id":"' || organization::text
            || '","previous":"' || encode(head.hash, 'hex')
            || '","sequence":' || head.sequence::text || '}';
        digest := sha256(convert_to(chained, 'UTF8'));
        insert into public.audit_records (organization_id, sequence, at, actor, action, object_type, object_id,
                                          summary, before, after, previous_hash, hash)
        values (organization, head.sequence, moment, parsed -> 'actor', parsed ->> 'action',
                parsed ->> 'object_type', parsed ->> 'object_id', parsed ->> 'summary',
                nullif(parsed -> 'before', 'null'), nullif(parsed -> 'after', 'null'), head.hash, digest);
        head.hash := digest;
    end loop;
    update public.audit_heads set sequence = head.sequence, hash = head.hash where organization_id = organization;
    return head.sequence;
end;
$$;
"""

OWNERS = r"""
do $$
declare
    named text;
    signature regprocedure;
begin
    grant create on schema vf to vf_directory, vf_auditor;
    foreach named in array array['organization_by_slug', 'slug_claim', 'account_create', 'account_for_sign_in',
        'session_open', 'session_by_hash', 'session_touch', 'sessions_of_holder', 'session_revoke',
        'organizations_of_holder', 'member_accounts', 'sign_in_attempt', 'sign_in_succeeded', 'audit_append']
    loop
        select p.oid::regprocedure into strict signature
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'vf' and p.proname = named;
        execute format('revoke all on function %s from public', signature);
        execute format('grant execute on function %s to vf_app', signature);
        execute format('alter function %s owner to %I', signature,
                       case named when 'audit_append' then 'vf_auditor' else 'vf_directory' end);
    end loop;
    revoke create on schema vf from vf_directory, vf_auditor;
end;
$$;
set local role vf_auditor;
grant execute on function vf.audit_append(text[]) to vf_worker, vf_signer;
set local role vf_directory;
grant execute on function vf.organization_by_slug(text) to vf_worker;
set local role vf_owner;
revoke all on function vf.refuse_change() from public;
"""


def upgrade() -> None:
    """Create the tables, their policies, and the functions that alone may read around them."""
    for statements in (TENANCY, IDENTITY, AUDIT, OWNERS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
