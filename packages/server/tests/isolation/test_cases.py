"""Every table, partition, sequence and function × command × role × scope, tried with the roles' real logins."""

import collections

import psycopg
import pytest
from packages.server.tests.isolation.functions import function_cases
from packages.server.tests.isolation.running import Runner
from packages.server.tests.isolation.tables import owner_cases, table_cases
from packages.server.tests.isolation.world import ROLES, SEQUENCES

from vectorflow.platform.credentials import Role, role_url


@pytest.fixture(scope="module")
def cases(superuser, world):
    found = [*table_cases(superuser, world), *function_cases(superuser, world)]
    superuser.rollback()
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_case_as_the_role_itself(cases, world, isolated_url, state_dir, role) -> None:
    own = [case for case in cases if case.role == role and case.probe is None]
    with psycopg.connect(role_url(isolated_url, Role(role), state_dir)) as connection:
        faults = list(Runner(connection, world, become=False).faults(own))
    assert not faults, f"{len(faults)} of {len(own)}:\n" + "\n".join(faults[:40])
    print(f"{role}: {len(own)} cases")  # noqa: T201  # shown with -s
    assert len(own) > 500


def test_effects_and_the_owner(cases, superuser, world) -> None:
    probed = [case for case in cases if case.probe is not None]
    assert probed
    faults = list(Runner(superuser, world, become=True).faults([*probed, *owner_cases(superuser, world)]))
    superuser.rollback()
    assert not faults, "\n".join(faults)


def test_every_fence_has_a_positive_control(cases, world) -> None:
    """Where a role may do something at all, some case shows that it can; else a wall would pass for a fence."""
    shown = collections.Counter(
        (case.role, case.object, case.command)
        for case in cases
        if case.expected.how in ("reads", "touches", "works", "names", "answers", "allowed")
    )
    refused = {
        (case.role, case.object, case.command)
        for case in cases
        if case.expected.how == "refused" and case.expected.value == "scope"
    }
    # In the seeded world these two get as far as a key or a reference, which is their control.
    keyed = {("vf_app", "vf.slug_claim", "EXECUTE"), ("vf_worker", "vf.organization_erased", "EXECUTE")}
    assert refused - set(shown) - keyed == set()
    for table in world.tenant_tables:
        assert any((role, table.name, "SELECT") in shown for role in ROLES), table.name


def test_no_sequence_is_forgotten(superuser) -> None:
    found = superuser.execute(
        "select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace "
        "where c.relkind = 'S' and n.nspname in ('public', 'jobs', 'vf')"
    ).fetchall()
    assert {row[0] for row in found} == set(SEQUENCES)


@pytest.mark.parametrize("role", ROLES)
def test_no_role_becomes_another(isolated_url, state_dir, role) -> None:
    with psycopg.connect(role_url(isolated_url, Role(role), state_dir), autocommit=True) as connection:
        known = connection.execute("select rolname from pg_roles where rolname <> %s", [role]).fetchall()
        assert len(known) > 5
        for (name,) in known:
            for statement in (f"set role {name}", f"set session authorization {name}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)
        for statement in ("create temporary table t ()", "create table public.t ()", "create schema s"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
