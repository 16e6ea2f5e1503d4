"""What the catalogue must say wherever no role can show it by doing: structure, owners, callers, powers."""

from collections.abc import Callable
from typing import Any

import psycopg
from packages.server.tests.isolation.functions import callers
from packages.server.tests.isolation.world import BACKUP, CLOSED, ROLES, SERVERS, VIEWS

from vectorflow.platform.catalogue import DIRECTORY

Connection = psycopg.Connection[Any]
_SCHEMAS = "n.nspname in ('public', 'jobs', 'vf')"
# Policies that let the NOLOGIN owners of definer functions, and the worker's queue, see every organisation.
WIDE = {("vf_directory",), ("vf_auditor",), ("vf_presence",), ("vf_jobs", "vf_worker")}

_FENCES = f"""
select n.nspname || '.' || c.relname, c.relrowsecurity, c.relforcerowsecurity
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where {_SCHEMAS} and c.relkind in ('r', 'p') and not c.relispartition
  and (n.nspname || '.' || c.relname = '{DIRECTORY}' or exists (
      select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id' and not a.attisdropped))
"""
_POLICIES = """
select schemaname || '.' || tablename || '.' || policyname, array(select unnest(roles)::text order by 1), qual,
       with_check, permissive
from pg_policies
"""
_KEYS = """
select n.nspname || '.' || t.relname, c.relname, i.indisprimary,
       (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = t.oid and a.attnum = any(i.indkey))
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
join pg_namespace n on n.oid = t.relnamespace
where n.nspname = 'public' and i.indisunique and not t.relispartition and exists (
    select 1 from pg_attribute a where a.attrelid = t.oid and a.attname = 'organization_id')
"""
_REFERENCES = """
select k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,
       (select array_agg(a.attname::text) from pg_attribute a where a.attrelid = k.conrelid and a.attnum = any(k.conkey)),
       exists (select 1 from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'organization_id')
from pg_constraint k join pg_namespace n on n.oid = k.connamespace where k.contype = 'f' and n.nspname = 'public'
"""
_VIEWS = f"""
select n.nspname || '.' || c.relname, coalesce('security_invoker=true' = any(c.reloptions), false)
from pg_class c join pg_namespace n on n.oid = c.relnamespace where {_SCHEMAS} and c.relkind in ('v', 'm')
"""
_CALLERS = f"""
select n.nspname || '.' || p.proname, r.name, p.prosecdef, p.proconfig, pg_get_userbyid(p.proowner)
from pg_proc p join pg_namespace n on n.oid = p.pronamespace cross join unnest(%s::text[]) r (name)
where {_SCHEMAS} and p.prorettype <> 'trigger'::regtype and has_function_privilege(r.name, p.oid, 'execute')
"""
_POWERS = """
select r.rolname, r.rolsuper or r.rolcreatedb or r.rolcreaterole or r.rolreplication, r.rolbypassrls,
       exists (select 1 from pg_auth_members m where m.member = r.oid)
from pg_roles r where r.rolname = any(%s)
"""
_GRANTS = f"""
select c.oid::regclass::text, r.name from pg_class c join pg_namespace n on n.oid = c.relnamespace
cross join unnest(%s::text[]) r (name)
where {_SCHEMAS} and (c.relispartition or n.nspname || '.' || c.relname = any(%s)) and c.relkind in ('r', 'p')
  and (has_any_column_privilege(r.name, c.oid, 'select, insert, update')
       or has_table_privilege(r.name, c.oid, 'delete, truncate'))
"""

_WRITABLE = f"""
select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
where {_SCHEMAS} and c.relkind in ('r', 'p', 'v', 'm')
  and (has_any_column_privilege(%s, c.oid, 'insert, update') or has_table_privilege(%s, c.oid, 'delete, truncate'))
"""


def fences(connection: Connection) -> list[str]:
    """Row-level security is enabled and forced on every tenant table."""
    return [
        f"{name}: row-level security is not enabled and forced"
        for name, enabled, forced in connection.execute(_FENCES)
        if not (enabled and forced) and name not in CLOSED
    ]


def policies(connection: Connection) -> list[str]:
    """Every policy of a role that serves reads the scope, in what it shows and in what it takes."""
    faults = []
    for name, roles, using, check, permissive in connection.execute(_POLICIES):
        if tuple(roles) in WIDE:
            continue
        for expression in (using, check):
            if permissive != "PERMISSIVE" or "vf.org()" not in (expression or ""):
                faults.append(f"{name}: {expression} does not read the scope")
    return faults


def keys(connection: Connection) -> list[str]:
    """Primary keys, unique indexes and references of tenant tables hold the organisation."""
    faults = [
        f"{table}: {index} lacks the organisation"
        for table, index, _, columns in connection.execute(_KEYS)
        if "organization_id" not in columns and table not in CLOSED
    ]
    for name, source, target, columns, tenant in connection.execute(_REFERENCES):
        if tenant and "organization_id" not in columns:
            faults.append(f"{source} → {target}: {name} lacks the organisation")
    return faults


def views(connection: Connection) -> list[str]:
    """Views are known and run with the rights of who reads them."""
    return [
        f"{name}: a view needs security_invoker and an entry in VIEWS"
        for name, invoker in connection.execute(_VIEWS)
        if not invoker or name not in VIEWS
    ]


def functions(connection: Connection) -> list[str]:
    """Functions are called by those listed; definers pin their search_path and never belong to a superuser."""
    faults = []
    for name, role, definer, config, owner in connection.execute(_CALLERS, [list(ROLES)]):
        if role not in callers(name):
            faults.append(f"{name} may be called by {role}")
        if definer and not any(each.startswith("search_path=") for each in config or ()):
            faults.append(f"{name} has no search_path of its own")
        if not owner.startswith("vf_"):
            faults.append(f"{name} belongs to {owner}")
    return faults


def powers(connection: Connection) -> list[str]:
    """Roles have no attribute and no membership; only the writer of telemetry and the backup bypass RLS."""
    return [
        f"{name} has more power than it needs"
        for name, power, bypass, member in connection.execute(_POWERS, [list(ROLES)])
        if power or member or bypass != (name in ("vf_telemetry", BACKUP))
    ]


def grants(connection: Connection) -> list[str]:
    """Partitions and closed tables are granted to nobody who serves."""
    rows = connection.execute(_GRANTS, [list(SERVERS), list(CLOSED)])
    return [f"{table} is granted to {role}" for table, role in rows]


def backup(connection: Connection) -> list[str]:
    """The backup reads and does nothing else."""
    return [f"the backup may write {name}" for (name,) in connection.execute(_WRITABLE, [BACKUP, BACKUP])]


CHECKS: tuple[Callable[[Connection], list[str]], ...] = (
    fences, policies, keys, views, functions, powers, grants, backup
)  # fmt: skip


def faults(connection: Connection) -> list[str]:
    """Everything that the catalogue gets wrong."""
    return [fault for check in CHECKS for fault in check(connection)]
