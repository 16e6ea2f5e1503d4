"""Suspension, deletion with a grace period, erasure, and the exports of an organisation.

Only operators suspend. An owner asks for deletion; when the grace is over the worker erases, through the one function
that may delete what only grows, which looks at the date itself. `vf.erasures` is global: it is all that stays.
"""

from alembic import op

revision = "0021"
down_revision = "0020"

TABLES = r"""
alter table organizations
    add column suspended_at timestamptz,
    add column suspended_reason text check (length(suspended_reason) between 1 and 500),
    add column deletion_requested_at timestamptz,
    add column deletion_requested_by uuid,
    add column deletion_due_at timestamptz,
    add check ((suspended_at is null) = (suspended_reason is null)),
    add check ((deletion_requested_at is null) = (deletion_due_at is null)),
    add check (deletion_due_at >= deletion_requested_at + interval '7 days');
comment on column organizations.suspended_reason is 'plain: shown to every member';
grant update (suspended_at, suspended_reason) on organizations to vf_operator;
grant select (id, slug, created_at, suspended_at, suspended_reason, deletion_requested_at, deletion_due_at)
    on organizations to vf_operator;
grant update (deletion_requested_at, deletion_requested_by, deletion_due_at) on organizations to vf_app, vf_operator;

-- The moment of the request is the database's own: whoever can write the columns cannot make the grace shorter.
create function vf.deletion_stamp() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if new.deletion_due_at is not null then
        new.deletion_requested_at := now();
        new.deletion_due_at := greatest(new.deletion_due_at, now() + interval '7 days');
    end if;
    return new;
end;
$$;
revoke all on function vf.deletion_stamp() from public;
create trigger deletion_stamp before update of deletion_requested_at, deletion_due_at on organizations
    for each row when (old.deletion_due_at is distinct from new.deletion_due_at) execute function vf.deletion_stamp();

create table organization_exports (
    organization_id uuid not null references organizations (id),
    id uuid not null,
    state text not null default 'waiting' check (state in ('waiting', 'making', 'signing', 'ready', 'failed')),
    requested_by uuid not null,
    requested_at timestamptz not null default now(),
    manifest bytea check (length(manifest) <= 1048576),
    bytes bigint not null default 0 check (bytes >= 0),
    finished_at timestamptz,
    expires_at timestamptz not null default now() + interval '24 hours',
    primary key (organization_id, id)
);
comment on column organization_exports.state is 'plain: one of our words';
comment on column organization_exports.manifest is 'plain: names and digests of the files, to be signed';
select vf.protect('organization_exports', array['select', 'insert', 'update', 'delete']);
grant select, update (state, bytes, finished_at) on organization_exports to vf_signer;

create table organization_export_parts (
    organization_id uuid not null,
    export_id uuid not null,
    number integer not null check (number >= 0),
    content bytea not null check (length(content) between 1 and 4194304),
    primary key (organization_id, export_id, number),
    foreign key (organization_id, export_id) references organization_exports (organization_id, id) on delete cascade
);
alter table organization_export_parts alter column content set storage external;
comment on column organization_export_parts.content is 'plain: what stands in other tables without secrets, for a day';
select vf.protect('organization_export_parts', array['select', 'insert', 'delete']);
grant insert on organization_export_parts to vf_signer;
grant select (organization_id, export_id, number) on organization_export_parts to vf_signer;

-- What stays of an organisation that was erased.
create table vf.erasures (
    organization uuid primary key,
    slug text not null,
    requested_at timestamptz not null,
    erased_at timestamptz not null default now(),
    complete_at timestamptz not null
);
revoke all on vf.erasures from public;
grant select, insert on vf.erasures to vf_eraser;
grant select on vf.erasures to vf_backup;
create trigger only_grows before update or delete or truncate on vf.erasures
    for each statement execute function vf.refuse_change();
"""

# A restore is told of erasures by the journal; the organisation's own deletion is noted by its trigger.
FUNCTIONS = r"""
create function vf.organization_directory()
returns table (id uuid, slug text, created_at timestamptz, suspended_at timestamptz, deletion_due_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select o.id, o.slug, o.created_at, o.suspended_at, o.deletion_due_at from public.organizations o order by o.slug $$;

create function vf.organizations_to_erase() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select id from public.organizations where deletion_due_at < now() order by deletion_due_at $$;

create function vf.organizations_to_sign_exports() returns setof uuid
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select distinct organization_id from public.organization_exports where state = 'signing' $$;

-- Deletes up to so many rows of one table, of the organisation in scope, whose grace must be over.
create function vf.organization_erase(target text, wanted integer) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
    relation regclass := target::regclass;
    gone bigint;
begin
    if organization is null or not exists (
        select 1 from public.organizations where id = organization and deletion_due_at < now()) then
        raise exception 'this organisation is not due to be erased' using errcode = '42501';
    end if;
    execute format('delete from %s where organization_id = $1 and (tableoid, ctid) in '
                   '(select tableoid, ctid from %s where organization_id = $1 limit $2)', relation, relation)
        using organization, wanted;
    get diagnostics gone = row_count;
    return gone;
end;
$$;

-- The last row goes, and what stays is written down. Fails while any row of the organisation is left.
create function vf.organization_erased(complete timestamptz) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
    ending public.organizations;
begin
    select * into ending from public.organizations where id = organization and deletion_due_at < now();
    if not found then
        raise exception 'this organisation is not due to be erased' using errcode = '42501';
    end if;
    delete from public.organizations where id = organization;
    insert into vf.erasures (organization, slug, requested_at, complete_at)
    values (organization, ending.slug, ending.deletion_requested_at, complete);
end;
$$;

create function vf.erasures_list()
returns table (organization uuid, slug text, requested_at timestamptz, erased_at timestamptz, complete_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select e.organization, e.slug, e.requested_at, e.erased_at, e.complete_at from vf.erasures e order by e.erased_at $$;
"""

OWNERS = r"""
grant select on organization_exports to vf_directory;
create policy directory on organization_exports for select to vf_directory using (true);
alter policy tenant on jobs.procrastinate_jobs to vf_app, vf_signer, vf_eraser;
grant usage on schema jobs to vf_eraser;
grant select, delete on jobs.procrastinate_jobs to vf_eraser;
set local role vf_auditor;
grant execute on function vf.audit_append(text[]) to vf_operator;
set local role vf_owner;
do $$
declare
    made record;
    caller text;
begin
    grant create on schema vf to vf_directory, vf_eraser;
    for made in select * from (values
        ('vf.organization_directory()', 'vf_directory', array['vf_operator']),
        ('vf.organizations_to_erase()', 'vf_directory', array['vf_worker']),
        ('vf.organizations_to_sign_exports()', 'vf_directory', array['vf_signer']),
        ('vf.organization_erase(text, integer)', 'vf_eraser', array['vf_worker']),
        ('vf.organization_erased(timestamptz)', 'vf_eraser', array['vf_worker']),
        ('vf.erasures_list()', 'vf_eraser', array['vf_operator', 'vf_worker']))
        as f (signature, owner, callers)
    loop
        execute format('revoke all on function %s from public', made.signature);
        foreach caller in array made.callers loop
            execute format('grant execute on function %s to %I', made.signature, caller);
        end loop;
        execute format('alter function %s owner to %I', made.signature, made.owner);
    end loop;
    revoke create on schema vf from vf_directory, vf_eraser;
end;
$$;
"""


def upgrade() -> None:
    """Create columns, tables and functions of an organisation's end."""
    for statements in (TABLES, FUNCTIONS, OWNERS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
