"""The roles operator, backup and eraser, the journal of revocations, and what is known of backups.

`vf_backup` reads every tenant table past row-level security and writes nothing; no serving process logs in with it.
`vf_eraser` cannot log in: it owns the one function that removes an organisation's rows. Both get their grants from
`vf.protect`, so that a new table is backed up and erased without anybody having to think of it.

`vf.revocations` and `vf.backups` are global: ids and times, no customer's data.
"""

from alembic import op

revision = "0012"
down_revision = "0011"

PROTECT = r"""
create or replace function vf.protect(target regclass, commands text[], roles text[] default array['vf_app', 'vf_worker'])
returns void language plpgsql as $$
declare
    role_name text;
    command text;
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s for all to public using (organization_id = (select vf.org())) '
        'with check (organization_id = (select vf.org()))', target);
    execute format('revoke all on %s from public', target);
    execute format('grant select on %s to vf_backup', target);
    execute format('grant select, delete on %s to vf_eraser', target);
    foreach role_name in array roles loop
        foreach command in array commands loop
            if command not in ('select', 'insert', 'update', 'delete') then
                raise exception 'vf.protect grants select, insert, update and delete, not %', command;
            end if;
            execute format('grant %s on %s to %I', command, target, role_name);
        end loop;
    end loop;
end;
$$;

grant usage on schema vf, public to vf_operator, vf_backup, vf_eraser;
grant execute on function vf.org() to vf_operator, vf_eraser;
grant select on vf.fingerprint to vf_operator;
grant select on vf.schema_version to vf_backup;

do $$
declare
    target regclass;
begin
    for target in
        select c.oid::regclass from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
          and (c.relname = 'organizations' or exists (
              select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id'
              and not a.attisdropped) and c.relname <> 'organization_slugs')
    loop
        execute format('grant select on %s to vf_backup', target);
        execute format('grant select, delete on %s to vf_eraser', target);
    end loop;
end;
$$;
grant select on accounts, organization_slugs, platform_audit, platform_audit_head, platform_audit_checkpoints to vf_backup;
"""

# What only grows still ends with its organisation: the eraser's function is the one way.
ONLY_GROWS = r"""
create or replace function vf.refuse_change() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'DELETE' and current_user = 'vf_eraser' then
        return null;
    end if;
    raise exception '% only grows', tg_table_name using errcode = '42501';
end;
$$;
"""

JOURNAL = r"""
-- Every right that was taken away, by whatever way: a restore of an older backup takes it away again.
-- `change` holds the columns to set; none says that the row was deleted.
create table vf.revocations (
    id uuid primary key default gen_random_uuid(),
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default clock_timestamp(),
    relation text not null,
    key jsonb not null,
    change jsonb
);
create index revocations_xid on vf.revocations (xid);
revoke all on vf.revocations from public;
grant select, insert on vf.revocations to vf_auditor;
grant select on vf.revocations to vf_backup;
create trigger only_grows before update or delete or truncate on vf.revocations
    for each statement execute function vf.refuse_change();

-- Arguments: the key's columns by commas, then the columns whose new values are noted.
create function vf.revocation_note() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    subject jsonb := to_jsonb(case tg_op when 'DELETE' then old else new end);
    named text[] := string_to_array(tg_argv[0], ',');
    noted jsonb;
begin
    if tg_op <> 'DELETE' then
        select jsonb_object_agg(column_name, case column_name when 'password_hash' then 'null' else subject -> column_name end)
        into noted from unnest(string_to_array(tg_argv[1], ',')) as column_name;
    end if;
    insert into vf.revocations (relation, key, change)
    select tg_table_schema || '.' || tg_table_name, jsonb_object_agg(column_name, subject -> column_name), noted
    from unnest(named) as column_name;
    return null;
end;
$$;

-- Notes changes of the given columns of a table, and deletions of its rows.
create function vf.note_revocations(target regclass, columns text[]) returns void language plpgsql as $$
declare
    named text;
begin
    select string_agg(a.attname, ',' order by a.attnum) into named
    from pg_constraint p join pg_attribute a on a.attrelid = p.conrelid and a.attnum = any(p.conkey)
    where p.conrelid = target and p.contype = 'p';
    -- The end of a whole organisation is noted once, with the organisation itself.
    execute format('create trigger revocation_deleted after delete on %s for each row %s '
                   'execute function vf.revocation_note(%L)', target,
                   case when target <> 'public.organizations'::regclass then 'when (current_user <> ''vf_eraser'')'
                   else '' end, named);
    if columns <> '{}' then
        execute format('create trigger revocation_changed after update of %s on %s for each row '
                       'when (%s) execute function vf.revocation_note(%L, %L)',
                       array_to_string(columns, ', '), target,
                       (select string_agg(format('old.%I is distinct from new.%I', c, c), ' or ') from unnest(columns) c),
                       named, array_to_string(columns, ','));
    end if;
end;
$$;
revoke all on function vf.note_revocations from public;

select vf.note_revocations('accounts', array['disabled_at', 'password_hash']);
select vf.note_revocations('memberships', array['role']);
select vf.note_revocations('team_memberships', array['role']);
select vf.note_revocations('nodes', array['revoked_at']);
select vf.note_revocations('node_tokens', array['revoked_at']);
select vf.note_revocations('enrolment_tokens', array['revoked_at', 'uses']);
select vf.note_revocations('signing_keys', array['retired_at']);
select vf.note_revocations('secrets', '{}');
select vf.note_revocations('organizations', '{}');

-- What was committed after a transaction, in an order that no transaction still under way can come before.
create function vf.revocations_after(after_xid text, wanted integer)
returns table (id uuid, xid text, at timestamptz, relation text, key jsonb, change jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ with page as (
       select r.* from vf.revocations r
       where r.xid > after_xid::xid8 and r.xid < pg_snapshot_xmin(pg_current_snapshot())
       order by r.xid, r.at limit wanted)
   select r.id, r.xid::text, r.at, r.relation, r.key, r.change from vf.revocations r
   where r.xid in (select xid from page) order by r.xid, r.at $$;

-- Tells this database from every other, also from one that was restored under its name.
create function vf.database_identity() returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select system_identifier::text || '-' || (select oid from pg_database where datname = current_database())::text
   from pg_control_system() $$;
"""

BACKUPS = r"""
-- What was erased is complete only when the last backup that holds it has expired.
create table vf.backups (
    id uuid primary key,
    made_at timestamptz not null,
    expires_at timestamptz not null check (expires_at > made_at),
    removed_at timestamptz,
    bytes bigint not null check (bytes > 0)
);
revoke all on vf.backups from public;
grant select, insert, update (removed_at) on vf.backups to vf_auditor;
grant select on vf.backups to vf_backup;

create function vf.backup_record(new_id uuid, made timestamptz, expires timestamptz, size bigint) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ insert into vf.backups (id, made_at, expires_at, bytes) values (new_id, made, expires, size)
   on conflict (id) do nothing $$;

create function vf.backup_removed(gone uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp as
$$ update vf.backups set removed_at = now() where id = gone and removed_at is null $$;

-- When the last backup that is still there expires; NULL without any.
create function vf.backups_gone_at() returns timestamptz
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select max(b.expires_at) from vf.backups b where b.removed_at is null $$;
"""

OWNERS = r"""
do $$
declare
    made record;
    caller text;
begin
    grant create on schema vf to vf_auditor;
    for made in select * from (values
        ('vf.revocation_note()', array[]::text[]),
        ('vf.revocations_after(text, integer)', array['vf_worker']),
        ('vf.database_identity()', array['vf_worker', 'vf_backup']),
        ('vf.backup_record(uuid, timestamptz, timestamptz, bigint)', array['vf_backup']),
        ('vf.backup_removed(uuid)', array['vf_backup']),
        ('vf.backups_gone_at()', array['vf_app', 'vf_worker', 'vf_signer', 'vf_operator', 'vf_backup']))
        as f (signature, callers)
    loop
        execute format('revoke all on function %s from public', made.signature);
        foreach caller in array made.callers loop
            execute format('grant execute on function %s to %I', made.signature, caller);
        end loop;
        execute format('alter function %s owner to vf_auditor', made.signature);
    end loop;
    revoke create on schema vf from vf_auditor;
end;
$$;
set local role vf_auditor;
grant execute on function vf.revocation_note() to vf_owner;
grant execute on function vf.platform_audit_append(text[]) to vf_operator, vf_backup;
set local role vf_owner;
"""


def upgrade() -> None:
    """Create the journal and the backups' table, and grant what the new roles need."""
    for statements in (PROTECT, ONLY_GROWS, JOURNAL, BACKUPS, OWNERS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
