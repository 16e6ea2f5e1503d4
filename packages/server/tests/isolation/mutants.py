"""Mutants: every fence of the catalogue taken down, one at a time, inside a transaction that is rolled back."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
from packages.server.tests.isolation.functions import DEFINERS
from packages.server.tests.isolation.tables import composite_references
from packages.server.tests.isolation.world import BACKUP, CLOSED, ROLES, SEQUENCES, World, granted

from vectorflow.platform.catalogue import DIRECTORY, Reference, Table

FUNCTIONS = "functions"  # stands for all functions among the objects of a mutant


class Mutant(NamedTuple):
    """One fence taken down: what was done, and the objects whose cases ought to notice."""

    kind: str
    name: str
    statements: tuple[str, ...]
    objects: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


_POLICIES = """
select schemaname || '.' || tablename, policyname, qual, with_check from pg_policies
where schemaname in ('public', 'jobs') order by 1, 2
"""
_DEFINERS = """
select n.nspname || '.' || p.proname, p.oid::regprocedure::text from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('vf', 'public', 'jobs') and p.prosecdef and p.prorettype <> 'trigger'::regtype order by 1
"""


def mutants(connection: psycopg.Connection[Any], world: World) -> list[Mutant]:
    """Every mutant of this catalogue."""
    found = [*_policies(connection), *_definers(connection), *_roles(connection, world)]
    for table in world.tenant_tables:
        found += [*_fences(table), *_references(world, table), *_key(table)]
        text = f"grant insert, update, delete on {table.name} to {BACKUP}"
        found.append(Mutant("table writable by the backup", table.name, (text,), (table.name,)))
        if not granted(connection, "vf_telemetry", table.name, "SELECT"):
            statements = (
                f"grant usage on schema {table.name.split('.')[0]} to vf_telemetry",
                f"grant select on {table.name} to vf_telemetry",
            )
            found.append(
                Mutant("table granted to the telemetry writer", table.name, statements, (table.name,))
            )
    for partition in world.partitions:
        text = f"grant select on {partition.name} to vf_app"
        found.append(Mutant("partition granted", partition.name, (text,), (partition.name,)))
    for name in CLOSED:
        found.append(Mutant("closed table granted", name, (f"grant select on {name} to vf_app",), (name,)))
    for name in SEQUENCES:
        found.append(Mutant("sequence granted", name, (f"grant all on sequence {name} to vf_app",), (name,)))
    return found


def _policies(connection: psycopg.Connection[Any]) -> Iterator[Mutant]:
    for table, policy, using, check in connection.execute(_POLICIES).fetchall():
        name, objects = f"{table}.{policy}", (table, FUNCTIONS)
        yield Mutant("policy dropped", name, (f"drop policy {policy} on {table}",), objects)
        if using not in (None, "true"):
            yield Mutant("USING (true)", name, (f"alter policy {policy} on {table} using (true)",), objects)
        if check not in (None, "true"):
            text = f"alter policy {policy} on {table} with check (true)"
            yield Mutant("WITH CHECK (true)", name, (text,), objects)


def _fences(table: Table) -> Iterator[Mutant]:
    objects = (table.name, FUNCTIONS)
    yield Mutant("NO FORCE", table.name, (f"alter table {table.name} no force row level security",), objects)
    yield Mutant(
        "RLS disabled", table.name, (f"alter table {table.name} disable row level security",), objects
    )


def _references(world: World, table: Table) -> Iterator[Mutant]:
    """A composite reference made one of the key alone."""
    for reference in composite_references(world, table):
        mine, theirs = _without_organization(reference)
        yield Mutant(
            "reference made single",
            f"{table.name}.{reference.name}",
            (
                f"alter table {table.name} drop constraint {reference.name}",
                f"create unique index on {reference.target} ({theirs})",
                f"alter table {table.name} add foreign key ({mine}) references {reference.target} ({theirs})",
            ),
            (table.name,),
        )


def _without_organization(reference: Reference) -> tuple[str, str]:
    pairs = [
        pair
        for pair in zip(reference.columns, reference.target_columns, strict=True)
        if pair != ("organization_id", "organization_id")
    ]
    return ", ".join(mine for mine, _ in pairs), ", ".join(theirs for _, theirs in pairs)


def _key(table: Table) -> Iterator[Mutant]:
    """A primary key without the organisation, so that an id can be found to be taken."""
    rest = ", ".join(name for name in table.key if name != "organization_id")
    if table.name == DIRECTORY or not rest or "organization_id" not in table.key or table.kind == "p":
        return
    statements = (
        f"alter table {table.name} drop constraint {table.name.split('.')[1]}_pkey cascade",
        f"alter table {table.name} add primary key ({rest})",
    )
    yield Mutant("primary key made single", table.name, statements, (table.name,))


def _definers(connection: psycopg.Connection[Any]) -> Iterator[Mutant]:
    for name, signature in connection.execute(_DEFINERS).fetchall():
        if set(ROLES) - DEFINERS[name].callers:
            text = f"grant execute on function {signature} to public"
            yield Mutant("function granted to public", name, (text,), (name,))
        text = f"alter function {signature} reset search_path"
        yield Mutant("search_path of a definer reset", name, (text,), (name,))


def _roles(connection: psycopg.Connection[Any], world: World) -> Iterator[Mutant]:
    tenants = tuple(table.name for table in world.tenant_tables)
    for role in ("vf_app", "vf_worker", "vf_signer", "vf_operator"):
        yield Mutant("role bypasses RLS", role, (f"alter role {role} bypassrls",), tenants)
        yield Mutant("role made a member", role, (f"grant vf_directory to {role}",), tenants)
    view = "create view public.taken as select * from public.pipelines"
    for options, name in (("", "definer's rights"), (" with (security_invoker = true)", "unlisted")):
        text = view.replace(" as ", f"{options} as ", 1)
        yield Mutant("view", name, (text, "grant select on public.taken to vf_app"), ())
    connection.rollback()
