"""Cases of functions: who may call each, and what it tells about another organisation.

Every definer function stands here with its callers and with how its answer is checked; one that does not is a fault.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
from packages.server.tests.isolation.running import Case, Expected
from packages.server.tests.isolation.tables import BAD_SCOPE, FENCED, NOT_GRANTED
from packages.server.tests.isolation.world import (
    BASE,
    ROLES,
    Scope,
    World,
    right_scope,
    wrong_scopes,
)
from psycopg import sql

APP, WORKER, SIGNER, TELEMETRY, OPERATOR, BACKUP = ROLES
Arguments = Callable[[World, Any], tuple[Any, ...]]


class Function(NamedTuple):
    """A function's callers, what kind of answer it gives, and arguments that name an organisation's own row.

    Kinds: `key` answers for the owner of an exact key whatever the scope; `list` names every organisation;
    `scope` answers for the organisation in scope; `write` changes what belongs to no organisation.
    """

    callers: set[str]
    kind: str
    arguments: Arguments = lambda _world, _organization: ()


def _key(table: str, column: str) -> Arguments:
    return lambda world, organization: (world.rows.row(f"public.{table}", organization, BASE)[column],)


def _nodes(world: World, organization: Any) -> tuple[Any, ...]:
    return ([world.rows.row("public.bundles", organization, BASE)["node_id"]],)


def _tokens(world: World, organization: Any) -> tuple[Any, ...]:
    return ([world.rows.row("public.node_tokens", organization, BASE)["id"]],)


def _entry(_world: World, _organization: Any) -> tuple[Any, ...]:
    entry = {"action": "a", "actor": {}, "object_id": "o", "object_type": "t", "summary": "s"}
    return ([json.dumps(entry)],)


def _account(world: World, organization: Any) -> str:
    return str(world.rows.row("public.accounts", organization, BASE)["id"])


def _sign_in(world: World, organization: Any) -> tuple[Any, ...]:
    account = _account(world, organization)
    entry = {
        "action": "session.opened", "actor": {"account_id": account}, "object_id": "o", "object_type": "t",
        "summary": "s",
    }  # fmt: skip
    return account, [json.dumps(entry)]


DEFINERS = {
    "vf.org": Function({APP, WORKER, SIGNER, OPERATOR}, "scope"),
    "vf.organization_by_slug": Function({APP, WORKER}, "key", _key("organization_slugs", "slug")),
    "vf.slug_claim": Function({APP}, "claim", lambda _world, _organization: ("unclaimed",)),
    "vf.account_create": Function(
        {APP}, "write", lambda _world, _o: ("00000000-0000-4000-8000-000000000001", "a@example.org", "A", "h")
    ),
    "vf.account_for_sign_in": Function({APP}, "key", _key("accounts", "email")),
    "vf.account_to_erase": Function({OPERATOR}, "key", _key("accounts", "email")),
    "vf.account_erase": Function({OPERATOR}, "held", lambda w, o: (_account(w, o), bytes(32))),
    "vf.person_erase": Function({OPERATOR}, "person", lambda w, o: (_account(w, o),)),
    "vf.session_open": Function(
        {APP},
        "write",
        lambda world, organization: (
            "00000000-0000-4000-8000-000000000002",
            bytes(32),
            _account(world, organization),
            dt.datetime.now(dt.UTC) + dt.timedelta(hours=1),
            "a",
            "a",
            b"",
        ),
    ),
    "vf.session_by_hash": Function({APP}, "key", _key("sessions", "token_hash")),
    "vf.session_touch": Function({APP}, "write", _key("sessions", "token_hash")),
    "vf.sessions_of_holder": Function({APP}, "key", _key("sessions", "token_hash")),
    "vf.session_revoke": Function({APP}, "revoke"),
    "vf.organizations_of_holder": Function({APP}, "key", _key("sessions", "token_hash")),
    "vf.member_accounts": Function({APP}, "scope"),
    "vf.sign_in_attempt": Function({APP}, "write", lambda _w, _o: (bytes(32), bytes(32), 5, 5, "1 hour")),
    "vf.sign_in_succeeded": Function({APP}, "write", lambda _w, _o: (bytes(32), bytes(32))),
    "vf.audit_append": Function({APP, WORKER, SIGNER, OPERATOR}, "append", _entry),
    "vf.audit_sign_in": Function({APP}, "key", _sign_in),
    "vf.audit_people": Function({APP, WORKER}, "write", lambda w, o: ([_account(w, o)],)),
    "vf.platform_audit_append": Function({APP, WORKER, SIGNER, OPERATOR, BACKUP}, "write", _entry),
    "vf.platform_audit_range": Function({WORKER}, "write", lambda _w, _o: (0, 9)),
    "vf.platform_audit_newest": Function({WORKER}, "write"),
    "vf.platform_audit_checkpoint_add": Function(
        {WORKER}, "write", lambda _w, _o: (1, bytes(32), "2000-01-01", bytes(32), bytes(64))
    ),
    "vf.platform_audit_checkpoint_range": Function({WORKER}, "write", lambda _w, _o: (0, 9)),
    "vf.platform_audit_checkpoint_newest": Function({WORKER}, "write"),
    "vf.audit_shipping": Function({WORKER}, "write", lambda _w, _o: ("p",)),
    "vf.audit_shipping_sealed_at": Function({APP, WORKER}, "write"),
    "vf.audit_shipping_advance": Function({WORKER}, "write", lambda _w, _o: ("p", 1, bytes(32))),
    "vf.audit_shipping_sealed": Function({WORKER}, "write", lambda _w, _o: ("p", "2000-01-01")),
    "vf.node_token": Function({APP}, "key", _key("node_tokens", "id")),
    "vf.node_tokens": Function({APP}, "key", _tokens),
    "vf.enrolment_token": Function({APP}, "key", _key("enrolment_tokens", "id")),
    "vf.bundle_versions": Function({APP}, "key", _nodes),
    "vf.organizations_to_sign": Function({SIGNER}, "list"),
    "vf.organizations_with_stores": Function({SIGNER}, "list"),
    "vf.organizations_for_keys": Function({SIGNER}, "list"),
    "vf.organizations_for_work": Function({WORKER}, "list"),
    "vf.organizations_rolling_out": Function({WORKER}, "list"),
    "vf.organization_directory": Function({OPERATOR}, "list"),
    "vf.organizations_to_erase": Function({WORKER}, "list"),
    "vf.organizations_to_sign_exports": Function({SIGNER}, "list"),
    "vf.organization_erase": Function({WORKER}, "erase"),
    "vf.organization_erased": Function({WORKER}, "erased", lambda _w, _o: ("2100-01-01",)),
    "vf.erasures_list": Function({OPERATOR, WORKER}, "write"),
    "vf.organizations_with_alerts": Function({WORKER}, "list"),
    "vf.revocations_after": Function({WORKER}, "write", lambda _w, _o: ("0", 9)),
    "vf.database_identity": Function({WORKER, BACKUP}, "write"),
    "vf.backup_record": Function(
        {BACKUP},
        "write",
        lambda _w, _o: ("00000000-0000-4000-8000-000000000003", "2000-01-01", "2000-01-02", 1),
    ),
    "vf.backup_removed": Function(
        {BACKUP}, "write", lambda _w, _o: ("00000000-0000-4000-8000-000000000003",)
    ),
    "vf.backups_gone_at": Function({APP, WORKER, SIGNER, OPERATOR, BACKUP}, "write"),
    "vf.platform_data_key": Function({APP, WORKER, SIGNER}, "write", lambda _w, _o: (1,)),
    "vf.platform_data_key_add": Function(
        {APP, WORKER, SIGNER},
        "write",
        lambda _w, _o: ("00000000-0000-4000-8000-000000000004", 99, bytes(48), "a"),
    ),
    "vf.platform_data_key_count": Function({APP, WORKER, SIGNER}, "write", lambda _w, _o: (1, 1)),
    "vf.platform_data_keys_all": Function({SIGNER}, "write"),
    "vf.platform_data_key_rewrap": Function(
        {SIGNER},
        "write",
        lambda _w, _o: ("00000000-0000-4000-8000-000000000004", bytes(48), bytes(48), "a"),
    ),
    "vf.platform_data_key_retire_before": Function({SIGNER}, "write", lambda _w, _o: (1,)),
    "vf.platform_data_key_destroy": Function({SIGNER}, "write", lambda _w, _o: (1,)),
    "vf.reports_expire": Function({WORKER}, "append", lambda _w, _o: (30, "2000-01-01", 10)),
    "vf.presence_update": Function({TELEMETRY}, "presence"),
    "vf.counters_update": Function({TELEMETRY}, "counters"),
    "vf.partitions_upkeep": Function({WORKER}, "write", lambda _world, _organization: ("logs", 14, 7)),
    "vf.counters_upkeep": Function({WORKER}, "write", lambda _world, _organization: (14, 30)),
    "vf.logs_upkeep": Function({WORKER}, "write", lambda _world, _organization: (14, 7)),
}
NOT_DUE = Expected("refused", "not due")
# Functions that run with the rights and in the scope of whoever calls them.
PLAIN = {"vf.sealed_changed": {APP, SIGNER}, "vf.person_forget": set(), "vf.names_of_people": set()}
DEFER = "jobs.procrastinate_defer_jobs_v1"
_FUNCTIONS = """
select n.nspname || '.' || p.proname, array(select format_type(t, null) from unnest(p.proargtypes) t), p.prosecdef
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('vf', 'public', 'jobs') and p.prorettype <> 'trigger'::regtype order by 1
"""


def callers(name: str) -> set[str]:
    """The roles that may call a function."""
    if name in DEFINERS:
        return DEFINERS[name].callers
    if name in PLAIN:
        return PLAIN[name]
    if name == DEFER:
        return {APP, SIGNER, WORKER}
    return {WORKER} if name.startswith("jobs.") else set()


def function_cases(connection: psycopg.Connection[Any], world: World) -> Iterator[Case]:
    """Every case of every function of the catalogue."""
    for name, types, definer in connection.execute(_FUNCTIONS).fetchall():
        assert name in DEFINERS or not definer, (
            f"{name} is a definer function without an entry in functions.py"
        )
        nothing = sql.SQL("select {}({})").format(
            sql.Identifier(*name.split(".")), sql.SQL(", ").join(sql.SQL(f"null::{each}") for each in types)
        )
        for role in ROLES:
            if role not in callers(name):
                for scope in (right_scope(world), *wrong_scopes(world)[:3]):
                    yield Case(role, name, "EXECUTE", scope, nothing, (), NOT_GRANTED)
            elif name in DEFINERS:
                yield from KINDS[DEFINERS[name].kind](world, name, role)
            elif name == DEFER and role != WORKER:
                yield from _defer(world, role)


def _call(world: World, name: str, organization: Any) -> tuple[sql.Composable, tuple[Any, ...]]:
    values = DEFINERS[name].arguments(world, organization)
    places = sql.SQL(", ").join(sql.Placeholder() for _ in values)
    return sql.SQL("select * from {}({})").format(sql.Identifier(*name.split(".")), places), values


def _by_key(world: World, name: str, role: str) -> Iterator[Case]:
    statement, values = _call(world, name, world.mine)
    none, *rest = wrong_scopes(world)
    yield Case(role, name, "EXECUTE", none, statement, values, Expected("names", {world.mine}))
    for scope in (right_scope(world), *rest):
        yield Case(role, name, "EXECUTE", scope, statement, values, Expected("hides", world.other))
    unknown = tuple([] if isinstance(each, list) else _unknown(each) for each in values)
    yield Case(role, name, "EXECUTE unknown key", none, statement, unknown, Expected("names", set()))


def _unknown(value: Any) -> Any:
    return bytes(len(value)) if isinstance(value, bytes) else f"{str(value)[:-4]}0000"


def _list(world: World, name: str, role: str) -> Iterator[Case]:
    statement, values = _call(world, name, world.mine)
    both = Expected("names", {world.mine, world.other})
    yield Case(role, name, "EXECUTE", wrong_scopes(world)[0], statement, values, both)


def _write(world: World, name: str, role: str) -> Iterator[Case]:
    statement, values = _call(world, name, world.mine)
    yield Case(role, name, "EXECUTE", wrong_scopes(world)[0], statement, values, Expected("works"))


def _scoped(world: World, name: str, role: str) -> Iterator[Case]:
    statement, values = _call(world, name, world.mine)
    for scope in (right_scope(world), *wrong_scopes(world)):
        expected = BAD_SCOPE if scope.error else Expected("names", {scope.sees} if scope.sees else set())
        yield Case(role, name, "EXECUTE", scope, statement, values, expected)


def _append(world: World, name: str, role: str) -> Iterator[Case]:
    """What is done is done to the organisation in scope, as an audit entry goes to its log, and there must be one."""
    statement, values = _call(world, name, world.mine)
    for scope in (right_scope(world), *wrong_scopes(world)):
        if scope.error:
            expected = BAD_SCOPE
        else:
            expected = Expected("works") if scope.sees else Expected("refused", "needs an organisation")
        yield Case(role, name, "EXECUTE", scope, statement, values, expected)


def _claim(world: World, name: str, role: str) -> Iterator[Case]:
    """A slug is claimed by the organisation in scope; the ones seeded hold theirs already."""
    statement, values = _call(world, name, world.mine)
    for scope in (right_scope(world), *wrong_scopes(world)):
        held = Expected("fails", "23505") if scope.sees else Expected("fails", "23502")
        yield Case(role, name, "EXECUTE", scope, statement, values, BAD_SCOPE if scope.error else held)


def _revoke(world: World, name: str, role: str) -> Iterator[Case]:
    """Only the holder ends a session."""
    mine, other = (world.rows.row("public.sessions", each, BASE) for each in (world.mine, world.other))
    statement = sql.SQL("select vf.session_revoke(%s, %s)")
    for holder, ended in ((mine, True), (other, False)):
        values = (holder["token_hash"], mine["id"])
        expected = Expected("answers", ended)
        yield Case(role, name, "EXECUTE", wrong_scopes(world)[0], statement, values, expected)


def _presence(world: World, name: str, role: str) -> Iterator[Case]:
    """A heartbeat moves the node named together with its organisation, and none for the wrong organisation."""
    node = world.rows.row("public.node_presence", world.mine, BASE)["node_id"]
    probe = sql.SQL("select running from node_presence where node_id = {}").format(sql.Literal(node))
    for organization, running in ((world.mine, 7), (world.other, 0)):
        beat = {
            "organization_id": str(organization), "node_id": node, "seen_at": "2100-01-01", "heartbeat_seconds": 1,
            "generation": 1, "issue": 1, "agent_version": "", "engine_kind": "", "engine_version": "",
            "reasons": [], "running": 7, "received_rate": 0, "sent_rate": 0, "errors_rate": 0, "agent": {},
            "host": {}, "pipelines": [],
        }  # fmt: skip
        yield _effect((role, name, wrong_scopes(world)[0]), beat, probe, running)


def _counters(world: World, name: str, role: str) -> Iterator[Case]:
    """Counters are kept for a pipeline assigned to the node in that organisation, else left out."""
    assigned = world.rows.row("public.assignments", world.mine, BASE)
    probe = sql.SQL("select count(*) from counter_runs where node_id = {} and since = '2001-01-01'").format(
        sql.Literal(assigned["node_id"])
    )
    for organization, kept in ((world.mine, 1), (world.other, 0)):
        beat = {
            "organization_id": str(organization), "node_id": assigned["node_id"],
            "pipeline_id": assigned["pipeline_id"], "since": "2001-01-01", "at": "2001-01-02", "components": {},
            "received_at": "2001-01-02",
        }  # fmt: skip
        yield _effect((role, name, wrong_scopes(world)[0]), beat, probe, kept)


def _effect(call: tuple[str, str, Scope], beat: dict[str, Any], probe: sql.Composable, value: int) -> Case:
    role, name, scope = call
    statement = sql.SQL("select {}(%s::json)").format(sql.Identifier(*name.split(".")))
    values = (json.dumps([beat]),)
    expected = Expected("answers", value)
    return Case(role, name, "EXECUTE", scope, statement, values, expected, probe)


def _held(world: World, name: str, role: str) -> Iterator[Case]:
    """An account that an organisation still has as a member is not erased."""
    statement, values = _call(world, name, world.mine)
    none = wrong_scopes(world)[0]
    yield Case(role, name, "EXECUTE", none, statement, values, Expected("refused", "still a member"))


def _person(world: World, name: str, role: str) -> Iterator[Case]:
    """A person goes from the organisation in scope alone."""
    statement, values = _call(world, name, world.mine)
    probe = sql.SQL("select count(*) from memberships where account_id = {}").format(sql.Literal(values[0]))
    for scope in (right_scope(world), *wrong_scopes(world)):
        left = Expected("answers", 0 if scope.sees == world.mine else 1)
        if scope.sees is None:
            left = Expected("refused", "in an organisation")
        yield Case(role, name, "EXECUTE", scope, statement, values, BAD_SCOPE if scope.error else left, probe)


def _erase(world: World, name: str, role: str) -> Iterator[Case]:
    """Rows go of the organisation in scope alone, also of what only grows."""
    statement = sql.SQL("select vf.organization_erase(%s, 1000)")
    for table in ("public.team_memberships", "public.audit_records"):
        probe = sql.SQL("select count(*) from {} where organization_id = {}").format(
            sql.Identifier(*table.split(".")), sql.Literal(str(world.mine))
        )
        held = world.counts[table, world.mine]
        for scope in (right_scope(world), *wrong_scopes(world)):
            left = Expected("answers", 0 if scope.sees == world.mine else held)
            expected = BAD_SCOPE if scope.error else left if scope.sees else NOT_DUE
            yield Case(role, name, "EXECUTE", scope, statement, (table,), expected, probe)


def _erased(world: World, name: str, role: str) -> Iterator[Case]:
    """The organisation itself goes last: while a row refers to it, it stays."""
    statement, values = _call(world, name, world.mine)
    for scope in (right_scope(world), *wrong_scopes(world)):
        held = Expected("fails", "23503") if scope.sees else NOT_DUE
        yield Case(role, name, "EXECUTE", scope, statement, values, BAD_SCOPE if scope.error else held)


def _defer(world: World, role: str) -> Iterator[Case]:
    """A job goes to the organisation in scope, and its arguments cannot say otherwise."""
    statement = sql.SQL(
        "select * from jobs.procrastinate_defer_jobs_v1(array[jsonb_populate_record("
        "null::jobs.procrastinate_job_to_defer_v1, %s::jsonb)])"
    )
    arguments = {"organization_id": str(world.mine)}
    job = {"queue_name": "q", "task_name": "t", "priority": 0, "args": arguments}
    for scope in (right_scope(world), *wrong_scopes(world)):
        if scope.error:
            expected = BAD_SCOPE
        elif scope.sees is None:
            expected = FENCED
        else:
            expected = Expected("works") if scope.sees == world.mine else Expected("fails", "23514")
        yield Case(role, DEFER, "EXECUTE", scope, statement, (json.dumps(job),), expected)
    free = json.dumps(job | {"args": {}})
    none: Scope = wrong_scopes(world)[0]
    yield Case(role, DEFER, "EXECUTE without an organisation", none, statement, (free,), FENCED)


KINDS: dict[str, Callable[[World, str, str], Iterator[Case]]] = {
    "key": _by_key,
    "list": _list,
    "write": _write,
    "scope": _scoped,
    "append": _append,
    "claim": _claim,
    "revoke": _revoke,
    "presence": _presence,
    "counters": _counters,
    "held": _held,
    "person": _person,
    "erase": _erase,
    "erased": _erased,
}
