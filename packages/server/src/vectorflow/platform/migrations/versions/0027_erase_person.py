"""Erasing a person: name and address go from the account and from wherever a name was written down.

The logs name people by their account's id alone, so nothing that is hashed changes. Columns of text that end in `_by`
hold a name; `vf_eraser` may change those, in the tables that are and in those that come. A restore of an older backup
is told by the journal, which holds no name, and does the same again.
"""

from alembic import op

revision = "0027"
down_revision = "0026"

PROTECT = r"""
create function vf.names_of_people(target regclass) returns setof name
language sql stable set search_path = pg_catalog, pg_temp as
$$ select a.attname from pg_attribute a
   where a.attrelid = target and a.attname ~ '_by$' and a.atttypid = 'text'::regtype and not a.attisdropped $$;
revoke all on function vf.names_of_people(regclass) from public;

create or replace function vf.protect(target regclass, commands text[], roles text[] default array['vf_app', 'vf_worker'])
returns void language plpgsql as $$
declare
    role_name text;
    command text;
    column_name name;
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy tenant on %s for all to public using (organization_id = (select vf.org())) '
        'with check (organization_id = (select vf.org()))', target);
    execute format('revoke all on %s from public', target);
    execute format('grant select on %s to vf_backup', target);
    execute format('grant select, delete on %s to vf_eraser', target);
    for column_name in select vf.names_of_people(target) loop
        execute format('grant update (%I) on %s to vf_eraser', column_name, target);
    end loop;
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

do $$
declare
    spot record;
begin
    for spot in
        select c.oid::regclass as target, named from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join vf.names_of_people(c.oid::regclass) as named
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
    loop
        execute format('grant update (%I) on %s to vf_eraser', spot.named, spot.target);
    end loop;
end;
$$;
grant update (reason) on rollouts, assignments to vf_eraser;
grant select (id, name) on accounts to vf_eraser;
grant update (email, name, password_hash, disabled_at) on accounts to vf_directory;
grant delete on sessions to vf_directory;

create trigger revocation_erased after update of email on accounts for each row
    when (new.email = 'erased-' || new.id || '@erased.invalid')
    execute function vf.revocation_note('id', 'email,name,disabled_at');
"""

FUNCTIONS = r"""
-- Takes a name out of one organisation, and the membership; returns how many rows named the person. Where a column
-- has the account's id beside it, that decides; elsewhere the name does. Runs with the rights of whoever calls it.
create function vf.person_forget(organization uuid, account uuid, known text) returns bigint
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    nobody constant text := 'Somebody whose account was erased';
    spot record;
    touched bigint;
    total bigint := 0;
begin
    for spot in
        select c.oid::regclass as target, named, exists (
            select 1 from pg_attribute i where i.attrelid = c.oid and i.attname = named || '_id'
            and not i.attisdropped) as has_id
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        cross join vf.names_of_people(c.oid::regclass) as named
        where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition
    loop
        execute format(
            'update %1$s set %2$I = $1 where organization_id = $2 and %2$I <> $1 and ' || case when spot.has_id
                then '(%3$I = $3 or %3$I is null and %2$I = left($4, 200))' else '%2$I = left($4, 200)' end,
            spot.target, spot.named, spot.named || '_id')
            using nobody, organization, account, known;
        get diagnostics touched = row_count;
        total := total + touched;
    end loop;
    update public.rollouts set reason = left(nobody || substr(reason, length(known) + 1), 1000)
        where organization_id = organization and starts_with(reason, known || ' ');
    get diagnostics touched = row_count;
    total := total + touched;
    update public.assignments set reason = left(nobody || substr(reason, length(known) + 1), 1000)
        where organization_id = organization and starts_with(reason, known || ' ');
    get diagnostics touched = row_count;
    total := total + touched;
    delete from public.team_memberships where organization_id = organization and account_id = account;
    delete from public.memberships where organization_id = organization and account_id = account;
    return total;
end;
$$;

-- In the organisation in scope. Where the person neither is a member nor stands in the log, nobody is meant.
create function vf.person_erase(account uuid) returns table (places bigint, known boolean)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
    organization uuid := vf.org();
    person text;
begin
    if organization is null then
        raise exception 'a person is erased in an organisation' using errcode = '42501';
    end if;
    select a.name into strict person from public.accounts a where a.id = account;
    known := exists (select 1 from public.memberships m
                     where m.organization_id = organization and m.account_id = account)
        or exists (select 1 from public.audit_records r
                   where r.organization_id = organization and r.actor_id = account::text);
    places := case when known then vf.person_forget(organization, account, person) else 0 end;
    return next;
end;
$$;

-- By exact address; and the organisations that nobody else owns.
create function vf.account_to_erase(wanted text) returns table (id uuid, alone text[])
language sql stable security definer set search_path = pg_catalog, pg_temp as
$$ select a.id, array(
       select o.slug from public.memberships m join public.organizations o on o.id = m.organization_id
       where m.account_id = a.id and m.role = 'OWNER' and not exists (
           select 1 from public.memberships another
           where another.organization_id = m.organization_id and another.role = 'OWNER'
             and another.account_id <> a.id)
       order by o.slug)
   from public.accounts a where a.email = wanted $$;

-- Last of all, when no organisation has the person any more; returns the sessions that ended.
create function vf.account_erase(account uuid, counter bytea) returns setof uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
    if exists (select 1 from public.memberships m where m.account_id = account) then
        raise exception 'the account is still a member of an organisation' using errcode = '42501';
    end if;
    update public.accounts a set email = 'erased-' || a.id || '@erased.invalid',
        name = 'Somebody whose account was erased', password_hash = null, disabled_at = coalesce(a.disabled_at, now())
        where a.id = account;
    delete from public.sign_in_counters where kind = 'account' and key = counter;
    return query delete from public.sessions s where s.account_id = account returning s.id;
end;
$$;

revoke all on function vf.person_forget(uuid, uuid, text) from public;
grant execute on function vf.names_of_people(regclass), vf.person_forget(uuid, uuid, text) to vf_eraser;
do $$
declare
    made record;
begin
    grant create on schema vf to vf_directory, vf_eraser;
    for made in select * from (values
        ('vf.person_erase(uuid)', 'vf_eraser'),
        ('vf.account_to_erase(text)', 'vf_directory'),
        ('vf.account_erase(uuid, bytea)', 'vf_directory')) as f (signature, owner)
    loop
        execute format('revoke all on function %s from public', made.signature);
        execute format('grant execute on function %s to vf_operator', made.signature);
        execute format('alter function %s owner to %I', made.signature, made.owner);
    end loop;
    revoke create on schema vf from vf_directory, vf_eraser;
end;
$$;
"""


def upgrade() -> None:
    """Grants first: the functions use them."""
    for statements in (PROTECT, FUNCTIONS):
        op.get_bind().exec_driver_sql(statements.replace("%", "%%"))
