"""A database with rows of two organisations in every table, made from the catalogue; and who may do what there.

What is not in these lists is a tenant table that no role may look beyond. Each exception has its reason.
"""

import datetime as dt
import secrets
import time
from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg

from vectorflow.platform.catalogue import DIRECTORY, Recipe, RowMaker, Table, read_tables
from vectorflow.platform.credentials import SERVING, Role
from vectorflow.platform.scope import LIFETIME_SECONDS, ScopeSigner

ROLES = tuple(role.value for role in Role)
SERVERS = tuple(role.value for role in SERVING)
BACKUP = Role.BACKUP.value  # the one role that is not a server's: it reads all of this and writes nothing
BASE, SECOND = 0, 1  # numbers of the rows every tenant table has for each organisation

# Tables that no serving role may touch, with the reason.
CLOSED = {
    "public.accounts": "a person belongs to no organisation",
    "public.sessions": "a session belongs to a person",
    "public.sign_in_counters": "counted before anybody is known",
    "public.organization_slugs": "the directory of every slug ever issued",
    "public.platform_data_keys": "seals what belongs to no organisation; wrapped",
    "public.platform_audit": "the platform's own log",
    "public.platform_audit_head": "the platform's own log",
    "public.platform_audit_checkpoints": "the platform's own log",
    "public.platform_audit_shipping": "how far the platform's own log is shipped",
    "vf.scope_keys": "whoever reads them can sign any scope",
    "vf.schema_version": "only migrations read it",
    "vf.revocations": "the journal of rights taken away, for restores",
    "vf.backups": "what is known of backups",
    "vf.erasures": "what stays of organisations that were erased",
}
# Of those, what the backup reads.
BACKED_UP = set(CLOSED) - {"public.sessions", "public.sign_in_counters", "vf.scope_keys"}
# Tables without an organisation that some roles may use.
SHARED: dict[str, tuple[str, set[str]]] = {
    "vf.fingerprint": ("SELECT", set(SERVERS)),  # digests of the catalogue, compared at start
    # procrastinate's own; ids of jobs and times, no arguments
    "jobs.procrastinate_events": ("SELECT INSERT UPDATE DELETE", {"vf_worker"}),
    "jobs.procrastinate_periodic_defers": ("SELECT INSERT UPDATE DELETE", {"vf_worker"}),
    "jobs.procrastinate_workers": ("SELECT INSERT UPDATE DELETE", {"vf_worker"}),
}
SEQUENCES = {
    "jobs.procrastinate_jobs_id_seq": {"vf_app", "vf_signer", "vf_worker"},
    "jobs.procrastinate_events_id_seq": {"vf_worker"},
    "jobs.procrastinate_periodic_defers_id_seq": {"vf_worker"},
    "jobs.procrastinate_workers_id_seq": {"vf_worker"},
}
VIEWS: dict[str, str] = {}  # a view needs `security_invoker` and a reason here

_LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=90)


def _online_key(_organization: UUID, number: int) -> Mapping[str, Any]:
    return {"kind": "online", "not_after": _LATER + dt.timedelta(days=number)}  # an organisation has one root


_PAST = dt.datetime.now(dt.UTC) - dt.timedelta(days=60)

# Columns whose values a check or an index decides beyond what the catalogue's types say.
RECIPES: dict[str, Recipe] = {
    "public.signing_keys": _online_key,
    # numbers of two organisations differ, so that a key without the organisation can be made at all
    "public.audit_records": lambda organization, _number: {"sequence": 1000 + organization.int % 1_000_000},
    "public.audit_checkpoints": lambda organization, number: {
        "sequence": 1000 * (organization.int % 1_000_000) + number + 1
    },
    "public.data_keys": lambda organization, number: {
        "version": 1000 * (organization.int % 1_000_000) + number + 1
    },
    "public.log_usage": lambda organization, number: {
        "day": 1000 * (organization.int % 1_000_000) + number + 1
    },
    # an organisation has one key that waits, one that is active, and one rotation under way
    "public.customer_keys": lambda _organization, _number: {
        "kind": "vault-transit",
        "role_arn": None,
        "state": "ended",
        "ended_at": _LATER,
    },
    "public.data_key_rotations": lambda _organization, _number: {"done_at": _LATER},
    # both are due to be erased, so that what erases could reach either
    "public.organizations": lambda _organization, _number: {
        "deletion_requested_at": _PAST,
        "deletion_due_at": _PAST + dt.timedelta(days=30),
    },
    "public.organization_exports": lambda _organization, _number: {"state": "signing"},
    "public.nodes": lambda _organization, _number: {"wanted": 5},  # so that a bundle is due
    "public.statements": lambda _organization, _number: {
        "expires_at": _LATER
    },  # so that they are to be signed
    # so that the signer has a store to ask
    "public.secret_stores": lambda _organization, _number: {
        "resolve": "server",
        "credentials": b"\x01" + bytes(40),
    },
}


class World(NamedTuple):
    """The seeded database: its tables, its rows, its organisations `mine` and `other`."""

    tables: Mapping[str, Table]
    rows: RowMaker
    mine: UUID
    other: UUID
    signer: ScopeSigner
    ids: Mapping[UUID, frozenset[str]]  # every id that belongs to one organisation alone
    counts: Mapping[tuple[str, UUID], int]

    @property
    def tenant_tables(self) -> list[Table]:
        """Tables with rows of organisations."""
        return [each for each in self.tables.values() if is_tenant(each)]

    @property
    def partitions(self) -> list[Table]:
        """Partitions of tenant tables."""
        return [each for each in self.tables.values() if each.partition_of]

    def organizations_in(self, text: str) -> set[UUID]:
        """Return the organisations that a text names by any of their ids."""
        return {each for each in (self.mine, self.other) if any(one in text for one in self.ids[each])}


def is_tenant(table: Table) -> bool:
    return (
        table.tenant_column is not None
        and table.kind in ("r", "p")
        and not table.partition_of
        and table.name not in CLOSED
    )


def leaf_number(world_tables: Mapping[str, Table], name: str) -> int:
    """The number of a row of this table that nothing refers to."""
    return 100 + 2 * sorted(world_tables).index(name)


def fresh_number(world_tables: Mapping[str, Table], name: str) -> int:
    """The number of a row of this table that is not there yet, though all that it refers to is."""
    return leaf_number(world_tables, name) + 1


def granted(connection: psycopg.Connection[Any], role: str, table: str, command: str) -> bool:
    """Whether a role may use a command on a whole table or on some of its columns."""
    function = "has_table_privilege" if command in ("DELETE", "TRUNCATE") else "has_any_column_privilege"
    row = connection.execute(f"select {function}(%s, %s, %s)", [role, table, command]).fetchone()
    return row == (True,)


def seed(connection: psycopg.Connection[Any], signer: ScopeSigner) -> World:
    """Fill every table for two organisations as the superuser, and commit."""
    tables = read_tables(connection)
    maker = RowMaker(tables, RECIPES)
    mine, other = uuid4(), uuid4()
    tenants = [each for each in tables.values() if is_tenant(each)]
    with connection.transaction():
        for organization in (mine, other):
            for name in ("public.sessions", "public.organization_slugs"):
                maker.insert(connection, name, organization, BASE)
            for table in tenants:
                _seed_table(connection, maker, tables, table, organization)
        # One waits for a signed statement alone, the other for a bundle alone, so that either look-up is seen.
        connection.execute("update nodes set wanted = 0 where organization_id = %s", [mine])
        connection.execute("update statements set expires_at = %s where organization_id = %s", [_PAST, other])
        # Organisations of different size, so that a wrong count is seen.
        maker.insert(connection, "public.teams", other, SECOND)
    ids = {each: _ids(connection, tables, each) for each in (mine, other)}
    for each in (mine, other):
        ids[each].add(str(maker.row("public.sessions", each, BASE)["id"]))
    shared = ids[mine] & ids[other]
    counts = {
        (table.name, each): _count(connection, table, each) for table in tenants for each in (mine, other)
    }
    own = {each: frozenset(found - shared) for each, found in ids.items()}
    return World(tables, maker, mine, other, signer, own, counts)


def _seed_table(
    connection: psycopg.Connection[Any],
    maker: RowMaker,
    tables: Mapping[str, Table],
    table: Table,
    organization: UUID,
) -> None:
    maker.insert(connection, table.name, organization, BASE)
    if table.name == DIRECTORY:
        return
    if any(granted(connection, role, table.name, "DELETE") for role in ROLES):
        maker.insert(connection, table.name, organization, leaf_number(tables, table.name))
    if any(granted(connection, role, table.name, "INSERT") for role in ROLES):
        maker.insert_parents(connection, table.name, organization, fresh_number(tables, table.name))


def _count(connection: psycopg.Connection[Any], table: Table, organization: UUID) -> int:
    row = connection.execute(
        f"select count(*) from {table.name} where {table.tenant_column} = %s", [organization]
    ).fetchone()
    assert row is not None
    assert row[0] > 0, f"{table.name}: no row was made"
    return int(row[0])


def _ids(connection: psycopg.Connection[Any], tables: Mapping[str, Table], organization: UUID) -> set[str]:
    found = {str(organization)}
    for table in tables.values():
        columns = [each.name for each in table.columns.values() if each.type == "uuid"]
        if table.tenant_column and columns and not table.partition_of:
            rows = connection.execute(
                f"select {', '.join(columns)} from {table.name} where {table.tenant_column} = %s",
                [organization],
            ).fetchall()
            found |= {str(value) for row in rows for value in row if value is not None}
    return found


class Scope(NamedTuple):
    """A scope as an attacker might have it.

    `begins` is the genuine scope that the transaction began with, `then` what injected SQL set over it (None:
    nothing). `sees` is the organisation whose rows it may reach, None where it reaches none; `error` says whether
    any use of it must be refused outright.
    """

    name: str
    begins: str
    then: str | None
    sees: UUID | None
    error: bool = False


def right_scope(world: World) -> Scope:
    """The positive control."""
    return Scope("right", world.signer.sign(world.mine), None, world.mine)


def wrong_scopes(world: World) -> list[Scope]:
    """Every scope that must not reach the rows of `world.mine`."""
    genuine = world.signer.sign(world.other)
    spliced = f"{world.mine}{genuine[36:]}"
    guessed = (
        f"{genuine[:36].replace(str(world.other), str(world.mine))}{genuine[36:47]}.{secrets.token_hex(32)}"
    )
    expired = world.signer.sign(world.mine, now=time.time() - LIFETIME_SECONDS - 60)
    return [
        Scope("none", "", None, None),
        Scope("wrong organisation", genuine, None, world.other),
        Scope("forged: another's mac", spliced, None, None, error=True),
        Scope("forged: a guessed mac", guessed, None, None, error=True),
        Scope("forged: expired", expired, None, None, error=True),
        Scope("forged: bare id", str(world.mine), None, None, error=True),
        Scope("replaced: another's mac", genuine, spliced, None, error=True),
        Scope("replaced: a predicate", genuine, f"{genuine}' or true --", None, error=True),
        Scope("replaced: cleared", genuine, "", None),
    ]
