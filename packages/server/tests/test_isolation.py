"""The isolation test, generated from the database's own catalogue: a table without its fences fails here.

Reasoned exceptions stand in the lists below; everything else in schema ``public`` is a tenant table.
"""

import psycopg
import pytest

from vectorflow.platform.credentials import SERVING, Role, role_url

# Tables without an organisation, each with the reason; no serving role may read or write them directly.
GLOBAL_TABLES = {
    "accounts": "a person belongs to no organisation",
    "sessions": "a session belongs to a person",
    "sign_in_counters": "counted before anybody is known",
    "organization_slugs": "the directory of every slug ever issued",
    "platform_data_keys": "seals what belongs to no organisation; wrapped",
    "platform_audit": "the platform's own log",
    "platform_audit_head": "the platform's own log",
    "platform_audit_checkpoints": "the platform's own log",
    "platform_audit_shipping": "how far the platform's own log is shipped",
}
# Tables whose own id is the organisation.
DIRECTORY = {"organizations": "id"}
# Definer functions: what each may see around row-level security, and why.
DEFINERS = {
    "organization_directory": "operators only: ids, slugs and states of all organisations, no content",
    "organizations_to_erase": "worker only: lists ids whose grace is over",
    "organizations_to_sign_exports": "signer only: lists ids with an export to sign",
    "organization_erase": "worker only: removes rows of the organisation in scope, whose grace must be over",
    "organization_erased": "worker only: removes that organisation itself and writes down what stays",
    "reports_expire": "worker only: removes old reports of the organisation in scope that say nothing any more",
    "erasures_list": "operators and worker: what stays of organisations that were erased",
    "revocation_note": "trigger: notes a right that was taken away",
    "revocations_after": "worker only: reads that journal, to keep it outside the database",
    "database_identity": "tells databases apart; no organisation",
    "backup_record": "backup only: notes a backup and its expiry",
    "backup_removed": "backup only: notes that a backup was removed",
    "backups_gone_at": "one moment, no organisation",
    "platform_data_key": "the platform's own data key, wrapped: of a version, or the present one",
    "platform_data_key_add": "adds the next version of it",
    "platform_data_key_count": "counts its use",
    "platform_data_keys_all": "signer only: its versions, for rotation",
    "platform_data_key_rewrap": "signer only: changes how it is wrapped",
    "platform_data_key_retire_before": "signer only: retires its old versions",
    "platform_data_key_destroy": "signer only: forgets a retired version",
    "org": "reads the scope keys to check a signature",
    "organizations_for_work": "worker only: lists ids for periodic work",
    "organization_by_slug": "exact key: the directory of slugs",
    "slug_claim": "claims a slug for the organisation in scope",
    "account_create": "adds an account",
    "account_for_sign_in": "exact key: an e-mail address",
    "account_to_erase": "operators only: exact key: an e-mail address; and slugs of what nobody else owns",
    "account_erase": "operators only: takes name and address from an account that no organisation has any more",
    "person_erase": "operators only: takes a person's name out of the organisation in scope",
    "session_open": "adds a session",
    "session_by_hash": "exact key: the hash of a session token",
    "session_touch": "exact key: the hash of a session token",
    "sessions_of_holder": "exact key: the hash of a session token",
    "session_revoke": "exact key: the hash of a session token",
    "organizations_of_holder": "exact key: the hash of a session token",
    "member_accounts": "names of the members of the organisation in scope",
    "sign_in_attempt": "counts an attempt to sign in",
    "sign_in_succeeded": "forgets counted attempts",
    "audit_append": "appends to the log of the organisation in scope",
    "audit_sign_in": "exact key: writes an account's sign-in into the log of each of its organisations",
    "audit_people": "names of the actors in the log of the organisation in scope",
    "platform_audit_append": "appends to the platform's log",
    "platform_audit_range": "worker only: reads the platform's log, to verify it",
    "platform_audit_newest": "worker only: the head of the platform's log",
    "platform_audit_checkpoint_add": "worker only: keeps a signed checkpoint of the platform's log",
    "platform_audit_checkpoint_range": "worker only: reads those checkpoints",
    "platform_audit_checkpoint_newest": "worker only: reads the newest of those checkpoints",
    "audit_shipping": "worker only: how far the platform's log is shipped to a bucket",
    "audit_shipping_sealed_at": "one moment, no organisation",
    "audit_shipping_advance": "worker only: notes which record of the platform's log is shipped",
    "audit_shipping_sealed": "worker only: notes when shipped checkpoints were sealed",
    "node_token": "exact key: the id of a node token",
    "node_tokens": "exact keys: the ids of node tokens",
    "enrolment_token": "exact key: the id of an enrolment token",
    "bundle_versions": "exact keys: versions of bundles by node ids, no content",
    "organizations_to_sign": "signer only: lists ids that have bundles due",
    "organizations_with_stores": "signer only: lists ids whose outside stores are asked",
    "organizations_for_keys": "signer only: lists ids for the care of signing keys",
    "organizations_rolling_out": "worker only: lists ids with a rollout under way",
    "organizations_with_alerts": "worker only: lists ids with an alert rule",
    "presence_update": "telemetry writer only: updates presence of nodes named with their organisation",
    "counters_update": "telemetry writer only: keeps counters of pipelines assigned to the node",
    "partitions_upkeep": "worker only: makes and drops partitions of counters, host metrics and log lines",
    "counters_upkeep": "worker only: the same, for the version before",
    "logs_upkeep": "worker only: the same, for the version before",
}

TABLES = """
select c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relkind,
       c.relispartition,
       exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'organization_id'
               and a.attnotnull and not a.atthasdef) as has_organization,
       (select array_agg(a.attname order by k.position)
        from pg_constraint p cross join unnest(p.conkey) with ordinality k (number, position)
        join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
        where p.conrelid = c.oid and p.contype = 'p') as primary_key
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = 'public' and c.relkind in ('r', 'p', 'v', 'm') order by c.relname
"""


@pytest.fixture(scope="module")
def catalogue(database_url: str):
    with psycopg.connect(database_url) as connection:
        yield connection


@pytest.fixture(scope="module")
def tables(catalogue):
    cursor = catalogue.cursor(row_factory=psycopg.rows.dict_row)
    return {row["relname"]: row for row in cursor.execute(TABLES).fetchall()}


def test_every_tenant_table_is_fenced(tables) -> None:
    faults = []
    for name, table in tables.items():
        if name in GLOBAL_TABLES or table["relispartition"]:
            continue
        if table["relkind"] in ("v", "m"):
            faults.append(f"{name}: views need an entry of their own here (security_invoker)")
            continue
        if not (table["relrowsecurity"] and table["relforcerowsecurity"]):
            faults.append(f"{name}: row-level security is not enabled and forced; call vf.protect")
        if name in DIRECTORY:
            continue
        if not table["has_organization"]:
            faults.append(f"{name}: organization_id must be NOT NULL without a default")
        if not table["primary_key"] or table["primary_key"][0] != "organization_id":
            faults.append(f"{name}: the primary key must begin with organization_id")
    assert not faults, "\n".join(faults)
    assert len(tables) > len(GLOBAL_TABLES)


def test_references_between_tenant_tables_are_composite(catalogue, tables) -> None:
    rows = catalogue.execute(
        """select c.conrelid::regclass::text, c.confrelid::regclass::text,
                  (select array_agg(a.attname) from unnest(c.conkey) n join pg_attribute a
                   on a.attrelid = c.conrelid and a.attnum = n)
           from pg_constraint c join pg_namespace n on n.oid = c.connamespace
           where n.nspname = 'public' and c.contype = 'f'"""
    ).fetchall()
    faults = [
        f"{source} → {target} ({', '.join(columns)})"
        for source, target, columns in rows
        if target not in GLOBAL_TABLES and target not in DIRECTORY and "organization_id" not in columns
    ]
    assert rows
    assert not faults, "references that could cross organisations: " + "; ".join(faults)


def test_every_policy_reads_the_scope(catalogue, tables) -> None:
    rows = catalogue.execute(
        "select tablename, policyname, roles::text[], qual, with_check from pg_policies where schemaname = 'public'"
    ).fetchall()
    serving = {role.value for role in Role} | {"public"}
    for table, policy, roles, qual, check in rows:
        if not serving & set(roles):
            continue  # policies of the NOLOGIN owners of definer functions, which DEFINERS lists
        for expression in (qual, check):
            assert expression is None or "vf.org()" in expression, f"{table}.{policy}: {expression}"
    fenced = {row[0] for row in rows}
    assert {
        name for name, table in tables.items() if name not in GLOBAL_TABLES and not table["relispartition"]
    } <= fenced


def test_serving_roles_hold_no_power(catalogue) -> None:
    rows = catalogue.execute(
        "select rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication from pg_roles "
        "where rolname like 'vf\\_%'"
    ).fetchall()
    assert {role.value for role in Role} <= {row[0] for row in rows}
    for name, superuser, createdb, createrole, bypass, replication in rows:
        assert not any((superuser, createdb, createrole, replication)), name
        assert bypass == (name in (Role.TELEMETRY.value, Role.BACKUP.value)), name
    owned = catalogue.execute(
        "select relname from pg_class where relowner::regrole::text = any(%s)",
        [[role.value for role in Role]],
    ).fetchall()
    assert owned == []


def test_global_tables_and_partitions_are_granted_to_nobody_who_serves(catalogue, tables) -> None:
    for name, table in tables.items():
        if name not in GLOBAL_TABLES and not table["relispartition"]:
            continue
        for role in SERVING:
            for privilege in ("select", "insert", "update", "delete", "truncate"):
                granted = catalogue.execute(
                    "select has_table_privilege(%s, %s, %s)", [role.value, f"public.{name}", privilege]
                ).fetchone()
                assert granted == (False,), f"{role.value} may {privilege} {name}"


def test_the_telemetry_writer_may_only_insert(catalogue, tables) -> None:
    for name in tables:
        for privilege in ("select", "update", "delete", "truncate"):
            granted = catalogue.execute(
                "select has_table_privilege(%s, %s, %s)", [Role.TELEMETRY.value, f"public.{name}", privilege]
            ).fetchone()
            assert granted == (False,), f"the telemetry writer may {privilege} {name}"


def test_definer_functions_are_known(catalogue) -> None:
    rows = catalogue.execute(
        """select p.proname, p.proconfig from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname in ('vf', 'public') and p.prosecdef"""
    ).fetchall()
    unknown = {name for name, _ in rows} - set(DEFINERS)
    assert not unknown, f"definer functions without a reason in this test: {sorted(unknown)}"
    for name, config in rows:
        assert any(setting.startswith("search_path=") for setting in config or ()), f"{name}: set search_path"


def test_nothing_is_executable_by_everybody(catalogue) -> None:
    rows = catalogue.execute(
        """select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
           where n.nspname in ('vf', 'public', 'jobs') and has_function_privilege('public', p.oid, 'execute')"""
    ).fetchall()
    assert rows == []


def test_sensitive_or_explained(catalogue, tables) -> None:
    rows = catalogue.execute(
        """select c.relname, a.attname, format_type(a.atttypid, null), col_description(c.oid, a.attnum)
           from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
           where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0
             and not a.attisdropped
             and (format_type(a.atttypid, null) in ('text', 'bytea', 'jsonb', 'text[]', 'bytea[]', 'jsonb[]'))"""
    ).fetchall()
    assert rows
    unexplained = [
        f"{table}.{column}"
        for table, column, _, comment in rows
        if table not in GLOBAL_TABLES and not (comment or "").startswith("plain: ")
    ]
    assert not unexplained, f"seal it (vf.sealed) or say why it is plain: {unexplained}"


@pytest.mark.parametrize("role", SERVING)
def test_a_query_that_forgets_the_scope_returns_nothing(
    catalogue, tables, database_url, state_dir, role
) -> None:
    tried = 0
    with psycopg.connect(role_url(database_url, role, state_dir), autocommit=True) as connection:
        for name in tables:
            readable = catalogue.execute(
                "select has_table_privilege(%s, %s, 'select')", [role.value, f"public.{name}"]
            ).fetchone()
            if readable == (True,):
                tried += 1
                assert connection.execute(f"select count(*) from public.{name}").fetchone() == (0,)
    assert tried > 0 or role in (Role.SIGNER, Role.TELEMETRY, Role.OPERATOR)


def test_every_tenant_table_is_backed_up_and_erased(catalogue, tables) -> None:
    """`vf.protect` grants both; a table that goes another way must grant them itself."""
    for name, table in tables.items():
        if name in GLOBAL_TABLES or table["relispartition"]:
            continue
        held = catalogue.execute(
            "select has_table_privilege('vf_backup', %(t)s, 'select'), has_table_privilege('vf_eraser', %(t)s, 'delete')",
            {"t": f"public.{name}"},
        ).fetchone()
        assert held == (True, True), f"{name}: grant select to vf_backup, and select, delete to vf_eraser"


def test_the_backup_only_reads(catalogue, tables, database_url, state_dir) -> None:
    with psycopg.connect(role_url(database_url, Role.BACKUP, state_dir), autocommit=True) as connection:
        for name in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"delete from public.{name}")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"insert into public.{name} default values")
        for secret in ("public.sessions", "public.sign_in_counters", "vf.scope_keys"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select 1 from {secret}")
