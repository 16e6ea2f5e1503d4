"""Proof for the logs: signed checkpoints, the platform's own chain, sign-ins in each organisation of an account.

People stand in a record by their account's id alone; `vf.audit_people` resolves names when somebody reads, so that
an account can be erased without touching what is hashed. `platform_audit`, its head and its checkpoints are global
(the platform belongs to no organisation); nobody but `vf_auditor`, which cannot log in, touches them.
"""

from alembic import op

revision = "0010"
down_revision = "0009"

TABLES = r"""
alter table audit_records add column actor_id text
    generated always as (coalesce(actor ->> 'account_id', actor ->> 'node_id', actor ->> 'kind')) stored;
comment on column audit_records.actor_id is 'plain: the id in actor, a column of its own so that it can be searched';
create index audit_records_actor on audit_records (organization_id, actor_id, sequence);
create index audit_records_action on audit_records (organization_id, action, sequence);
create index audit_records_object on audit_records (organization_id, object_type, object_id, sequence);
create index audit_records_object_id on audit_records (organization_id, object_id, sequence);
create index audit_records_at on audit_records (organization_id, at);

create table audit_checkpoints (
    organization_id uuid not null references organizations (id),
    sequence bigint not null check (sequence > 0),
    hash bytea not null check (length(hash) = 32),
    at timestamptz not null,
    public_key bytea not null check (length(public_key) = 32),
    signature bytea not null check (length(signature) = 64),
    primary key (organization_id, sequence)
);
comment on column audit_checkpoints.hash is 'plain: SHA-256 of the record it proves';
comment on column audit_checkpoints.public_key is 'plain: the public half of the key that signed';
comment on column audit_checkpoints.signature is 'plain: Ed25519, made to be shown';
select vf.protect('audit_checkpoints', array['select']);
grant insert on audit_checkpoints to vf_worker;
create trigger only_grows before update or delete or truncate on audit_checkpoints
    for each statement execute function vf.refuse_change();

create table platform_audit (
    sequence bigint primary key check (sequence > 0),
    at timestamptz not null,
    actor jsonb not null,
    action text not null,
    object_type text not null,
    object_id text not null,
    summary text not null,
    before jsonb,
    after jsonb,
    previous_hash bytea not null check (length(previous_hash) = 32),
    hash bytea not null check (length(hash) = 32)
);
create table platform_audit_head (
    single boolean primary key default true check (single),
    sequence bigint not null,
    hash bytea not null check (length(hash) = 32)
);
create table platform_audit_checkpoints (
    sequence bigint primary key check (sequence > 0),
    hash bytea not null check (length(hash) = 32),
    at timestamptz not null,
    public_key bytea not null check (length(public_key) = 32),
    signature bytea not null check (length(signature) = 64)
);
insert into platform_audit_head (sequence, hash)
values (0, sha256(convert_to('vectorflow.audit.platform', 'UTF8')));
revoke all on platform_audit, platform_audit_head, platform_audit_checkpoints from public;
grant select, insert on platform_audit, platform_audit_checkpoints to vf_auditor;
grant select, update on platform_audit_head to vf_auditor;
create trigger only_grows before update or delete or truncate on platform_audit
    for each statement execute function vf.refuse_change();
create trigger only_grows before update or delete or truncate on platform_audit_checkpoints
    for each statement execute function vf.refuse_change();

-- A sign-in is written into every organisation of the account at once, so the auditor writes without a scope.
create policy auditor on audit_records for insert to vf_auditor with check (true);
create policy auditor on audit_heads for all to vf_auditor using (true) with check (true);
create policy auditor on memberships for select to vf_auditor using (true);
grant select (organization_id, account_id) on memberships to vf_auditor;
grant select (organization_id, actor_id) on audit_records to vf_directory;
grant create on schema vf to vf_auditor, vf_directory;
"""

AUDITOR = r"""
set local role vf_auditor;
create function vf.audit_digest(chain text, entry text, moment timestamptz, previous bytea, number bigint)
returns bytea language sql stable set search_path = pg_catalog, pg_temp as
$$ select sha256(convert_to('{"at":"' || to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            || '","entry":"' || encode(sha256(convert_to(entry, 'UTF8')), 'hex')
            || '","organization_id":"' || chain
            || '","previous":"' || encode(previous, 'hex')
            || '","sequence":' || number::text || '}', 'UTF8')) $$;

create function vf.audit_chain(organization uuid, entries text[]) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    head public.audit_heads;
    entry text;
    parsed jsonb;
    moment timestamptz;
    digest bytea;
begin
    insert into public.audit_heads (organization_id, sequence, hash)
    values (organization, 0, sha256(convert_to('vectorflow.audit.' || organization::text, 'UTF8')))
    on conflict (organization_id) do nothing;
    select * into strict head from public.audit_heads where organization_id = organization for update;
    foreach entry in array entries loop
        parsed := entry::jsonb;
        moment := date_trunc('milliseconds', clock_timestamp());
        head.sequence := head.sequence + 1;
        digest := vf.audit_digest(organization::text, entry, moment, head.hash, head.sequence);
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

create or replace function vf.audit_append(entries text[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
begin
    if organization is null then
        raise exception 'an audit entry needs an organisation' using errcode = '42501';
    end if;
    return vf.audit_chain(organization, entries);
end;
$$;

-- Organisations in order of their ids, so that two sign-ins of one account cannot wait for each other in a circle.
create function vf.audit_sign_in(account uuid, entries text[]) returns setof uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid;
    entry text;
begin
    foreach entry in array entries loop
        if entry::jsonb -> 'actor' ->> 'account_id' is distinct from account::text
           or entry::jsonb ->> 'action' not like 'session.%' then
            raise exception 'only an account''s own sign-ins are written this way' using errcode = '42501';
        end if;
    end loop;
    for organization in
        select m.organization_id from public.memberships m where m.account_id = account order by 1
    loop
        perform vf.audit_chain(organization, entries);
        return next organization;
    end loop;
end;
$$;

create function vf.platform_audit_append(entries text[]) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    head public.platform_audit_head;
    entry text;
    parsed jsonb;
    moment timestamptz;
    digest bytea;
begin
    select * into strict head from public.platform_audit_head for update;
    foreach entry in array entries loop
        parsed := entry::jsonb;
        moment := date_trunc('milliseconds', clock_timestamp());
        head.sequence := head.sequence + 1;
        digest := vf.audit_digest('platform', entry, moment, head.hash, head.sequence);
        insert into public.platform_audit (sequence, at, actor, action, object_type, object_id, summary, before,
                                           after, previous_hash, hash)
        values (head.sequence, moment, parsed -> 'actor', parsed ->> 'action', parsed ->> 'object_type',
                parsed ->> 'object_id', parsed ->> 'summary', nullif(parsed -> 'before', 'null'),
                nullif(parsed -> 'after', 'null'), head.hash, digest);
        head.hash := digest;
    end loop;
    update public.platform_audit_head set sequence = head.sequence, hash = head.hash;
    return head.sequence;
end;
$$;

create function vf.platform_audit_range(after_sequence bigint, wanted integer) returns setof public.platform_audit
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from public.platform_audit where sequence > after_sequence order by sequence limit wanted $$;

create function vf.platform_audit_newest() returns table (sequence bigint, hash bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select h.sequence, h.hash from public.platform_audit_head h $$;

create function vf.platform_audit_checkpoint_add(number bigint, digest bytea, moment timestamptz, key bytea, sign bytea)
returns void language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into public.platform_audit_checkpoints values (number, digest, moment, key, sign) on conflict do nothing $$;

create function vf.platform_audit_checkpoint_range(after_sequence bigint, wanted integer)
returns setof public.platform_audit_checkpoints
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select * from public.platform_audit_checkpoints where sequence > after_sequence order by sequence limit wanted $$;

grant execute on function vf.audit_sign_in(uuid, text[]) to vf_app;
grant execute on function vf.platform_audit_append(text[]) to vf_app, vf_worker, vf_signer;
grant execute on function vf.platform_audit_range(bigint, integer) to vf_worker;
grant execute on function vf.platform_audit_newest() to vf_worker;
grant execute on function vf.platform_audit_checkpoint_add(bigint, bytea, timestamptz, bytea, bytea) to vf_worker;
grant execute on function vf.platform_audit_checkpoint_range(bigint, integer) to vf_worker;
revoke all on function
    vf.audit_digest(text, text, timestamptz, bytea, bigint), vf.audit_chain(uuid, text[]),
    vf.audit_sign_in(uuid, text[]), vf.platform_audit_append(text[]), vf.platform_audit_range(bigint, integer),
    vf.platform_audit_newest(), vf.platform_audit_checkpoint_range(bigint, integer),
    vf.platform_audit_checkpoint_add(bigint, bytea, timestamptz, bytea, bytea) from public;

set local role vf_directory;
create function vf.audit_people(wanted text[]) returns table (id text, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select a.id::text, a.name from public.accounts a
   where a.id = any(wanted::uuid[]) and exists (
       select 1 from public.audit_records r
       where r.organization_id = (select vf.org()) and r.actor_id = a.id::text) $$;
revoke all on function vf.audit_people(text[]) from public;
grant execute on function vf.audit_people(text[]) to vf_app, vf_worker;
set local role vf_owner;
revoke create on schema vf from vf_auditor, vf_directory;
"""


def upgrade() -> None:
    """Create the tables first: the functions read them."""
    for statements in (TABLES, AUDITOR):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
