"""The fingerprint of everything that keeps organisations apart, as the catalogue tells it.

`migrate` stores one digest (SHA-256) per policy, table, function, role and so on in ``vf.fingerprint``; `serve`
compares them with the catalogue it finds, so that a fence that was taken down by hand is noticed before anybody is
served. Partitions come and go by the day: all of a table's count as one, which differs as soon as one is granted.
"""

from typing import Any

import psycopg

_SHOWN = 8

# Every serving role can read these catalogues and gets the same text, whatever its own search_path.
_CURRENT = """
with grants as (
    select o.class, o.oid, o.part,
           string_agg(coalesce(r.rolname, 'public') || '=' || a.privilege_type
                      || case when a.is_grantable then '*' else '' end, ',' order by r.rolname, a.privilege_type) as text
    from (select 'relation' as class, oid, 0 as part, coalesce(relacl, acldefault('r', relowner)) as acl from pg_class
          where relkind in ('r', 'p', 'v', 'm', 'S')
          union all select 'column', attrelid, attnum, attacl from pg_attribute where attacl is not null
          union all select 'function', oid, 0, coalesce(proacl, acldefault('f', proowner)) from pg_proc
          union all select 'schema', oid, 0, coalesce(nspacl, acldefault('n', nspowner)) from pg_namespace
          union all select 'default', oid, 0, defaclacl from pg_default_acl) o
    cross join lateral aclexplode(o.acl) a left join pg_roles r on r.oid = a.grantee
    group by o.class, o.oid, o.part
),
relations as (
    select c.*, n.nspname, n.nspname || '.' || c.relname as name from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ('public', 'jobs', 'vf') and c.relkind in ('r', 'p', 'v', 'm', 'S')
),
described as (
    select c.oid, c.name, c.relispartition, c.relkind,
           concat_ws('|', c.relkind, pg_get_userbyid(c.relowner), c.relrowsecurity, c.relforcerowsecurity,
                     c.reloptions::text, g.text,
                     (select string_agg(a.attname || ':' || cg.text, ';' order by a.attname)
                      from pg_attribute a join grants cg on cg.class = 'column' and cg.oid = c.oid and cg.part = a.attnum
                      where a.attrelid = c.oid),
                     case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end) as text
    from relations c left join grants g on g.class = 'relation' and g.oid = c.oid
),
items (kind, name, text) as (
    select case relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'view' else 'table' end, name, text
    from described where not relispartition
    union all
    select 'partitions', p.name, string_agg(distinct d.text, '&' order by d.text)
    from described d join pg_inherits i on i.inhrelid = d.oid join relations p on p.oid = i.inhparent
    where d.relispartition group by p.name
    union all
    select 'policy', c.name || '.' || p.polname,
           concat_ws('|', p.polcmd, p.polpermissive,
                     (select string_agg(case r when 0 then 'public' else pg_get_userbyid(r)::text end, ',' order by pg_get_userbyid(r))
                      from unnest(p.polroles) r),
                     'using ' || pg_get_expr(p.polqual, p.polrelid), 'check ' || pg_get_expr(p.polwithcheck, p.polrelid))
    from pg_policy p join relations c on c.oid = p.polrelid
    union all
    select 'constraint', c.name || '.' || k.conname, pg_get_constraintdef(k.oid) || k.convalidated::text
    from pg_constraint k join relations c on c.oid = k.conrelid
    where not c.relispartition and k.contype in ('p', 'f', 'c', 'u')
    union all
    select 'trigger', c.name || '.' || t.tgname, pg_get_triggerdef(t.oid) || t.tgenabled::text
    from pg_trigger t join relations c on c.oid = t.tgrelid where not t.tgisinternal and not c.relispartition
    union all
    select 'function', n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')',
           concat_ws('|', pg_get_userbyid(p.proowner), g.text, pg_get_functiondef(p.oid))
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    left join grants g on g.class = 'function' and g.oid = p.oid
    where n.nspname in ('public', 'jobs', 'vf') and p.prokind in ('f', 'p')
    union all
    select 'schema', n.nspname, concat_ws('|', pg_get_userbyid(n.nspowner), g.text)
    from pg_namespace n left join grants g on g.class = 'schema' and g.oid = n.oid
    where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema'
    union all
    select 'default grants', pg_get_userbyid(d.defaclrole) || '.' || coalesce(n.nspname, '') || '.' || d.defaclobjtype::text,
           g.text
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
    left join grants g on g.class = 'default' and g.oid = d.oid
    union all
    select 'role', r.rolname,
           concat_ws('|', r.rolsuper, r.rolinherit, r.rolcreaterole, r.rolcreatedb, r.rolcanlogin, r.rolreplication,
                     r.rolbypassrls,
                     case when r.rolcanlogin then has_database_privilege(r.oid, current_database(), 'create') end,
                     case when r.rolcanlogin then has_database_privilege(r.oid, current_database(), 'temporary') end,
                     (select string_agg(pg_get_userbyid(m.roleid), ',' order by pg_get_userbyid(m.roleid))
                      from pg_auth_members m where m.member = r.oid),
                     (select string_agg((s.setdatabase <> 0)::text || s.setconfig::text, ',' order by s.setdatabase)
                      from pg_db_role_setting s where s.setrole = r.oid and s.setdatabase in (
                          0, (select oid from pg_database where datname = current_database()))))
    from pg_roles r where r.rolname like 'vf\\_%'
)
select kind, name, encode(sha256(convert_to(coalesce(text, ''), 'UTF8')), 'hex') as digest from items
"""
_SEARCH_PATH = "set local search_path = pg_catalog"
_STORE = f"insert into vf.fingerprint (kind, name, digest) {_CURRENT}"
_DIFFERENCES = f"""
select coalesce(c.kind, s.kind) as kind, coalesce(c.name, s.name) as name,
       case when s.name is null then 'is new' when c.name is null then 'is gone' else 'was changed' end as change
from ({_CURRENT}) c full join vf.fingerprint s on s.kind = c.kind and s.name = c.name
where c.digest is distinct from s.digest order by 1, 2
"""  # noqa: S608  # both parts are constants of this module


class CatalogueChanged(Exception):
    """The fences between organisations are not as `vectorflow migrate` left them."""


def store(connection: psycopg.Connection[Any]) -> int:
    """Replace the stored fingerprint by the catalogue's present one; return how many parts it has."""
    with connection.transaction():
        connection.execute(_SEARCH_PATH)
        connection.execute("delete from vf.fingerprint")
        return connection.execute(_STORE).rowcount


async def check(connection: psycopg.AsyncConnection[dict[str, Any]]) -> None:
    """Compare the catalogue with the stored fingerprint. Raises `CatalogueChanged`, which says what differs."""
    try:
        async with connection.transaction():
            await connection.execute(_SEARCH_PATH)
            cursor = await connection.execute(_DIFFERENCES)
            found = await cursor.fetchall()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        message = "The database has no fingerprint of its fences yet. Run `vectorflow migrate` first."
        raise CatalogueChanged(message) from error
    if found:
        raise CatalogueChanged(_told([f"{row['kind']} {row['name']} {row['change']}" for row in found]))


def _told(changes: list[str]) -> str:
    more = f"; and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
    return (
        f"{CatalogueChanged.__doc__} {'; '.join(changes[:_SHOWN])}{more}. Find out who changed this and why. "
        "To put it right, undo the change; if it was meant (an update of VectorFlow or PostgreSQL), "
        "run `vectorflow migrate`, which tries the fences and stores a new fingerprint. Nothing was served."
    )
