"""Every statement of every store keeps to its organisation by itself: run with row-level security out of the way.

Two organisations are twins there, with the same ids and values, so that only the filter by organisation tells them
apart. Each statement must neither see nor change anything of the other; without any one of its filters it must.
"""

import sys
from collections.abc import Iterator

import psycopg
import pytest
from packages.server.tests.conftest import clone
from packages.server.tests.isolation.arrangements import APART, ARRANGEMENTS, SAID_TWICE
from packages.server.tests.isolation.executing import Executor, Ran, run_all
from packages.server.tests.isolation.statements import Statement, literals, mutants, statements, unfiltered
from packages.server.tests.isolation.twins import Twins, make_twins
from packages.server.tests.isolation.world import is_tenant

from vectorflow.platform.scope import ScopeSigner


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection]:
    """The superuser, whom no policy stops, in a transaction that is never committed."""
    with psycopg.connect(clone("twins")) as made:
        yield made
        made.rollback()


@pytest.fixture(scope="module")
def twins(connection: psycopg.Connection) -> Twins:
    return make_twins(connection)


@pytest.fixture(scope="module")
def executor(connection: psycopg.Connection, twins: Twins, signer: ScopeSigner) -> Executor:
    return Executor(connection, twins, signer)


@pytest.fixture(scope="module")
def ran(executor: Executor) -> list[Ran]:
    """What came of all of it; run once."""
    return run_all(executor)


def test_row_level_security_is_out_of_the_way(connection: psycopg.Connection, twins: Twins) -> None:
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('vf.scope', '', true)")
        found = connection.execute("select count(distinct organization_id) from public.pipelines").fetchone()
    assert found == (2,)


def test_every_text_that_is_a_statement_is_run() -> None:
    run = "\n".join(each.text for each in statements())
    missed = [place for place, text in literals() if text not in run]
    assert not missed, f"these reach no call that is known here: {missed}"


def test_every_statement_has_a_filter_for_each_table(twins: Twins) -> None:
    tenants = {table.name.rpartition(".")[2] for table in twins.tables.values() if is_tenant(table)}
    found = [each for each in statements() if unfiltered(each, tenants)]
    assert not found, "\n".join(map(str, found))
    assert unfiltered(Statement("here", "made_up", "select name from teams"), tenants)


def test_every_statement_keeps_to_its_organisation(ran: list[Ran]) -> None:
    assert len(ran) > 250
    faults = [f"{each.statement}: {fault}" for each in ran for fault in dict.fromkeys(each.faults)]
    assert not faults, f"{len(faults)}:\n" + "\n".join(faults)


def test_no_filter_can_be_left_out(ran: list[Ran]) -> None:
    killed = sum(len(each.killed) for each in ran)
    survived = [mutant for each in ran for mutant in each.survived]
    twice = {(each.statement.place, each.statement.name, each.number) for each in survived}
    sys.stdout.write(f"{killed}/{killed + len(survived)} killed; {len(SAID_TWICE)} filters are said twice\n")
    left = [
        str(each)
        for each in survived
        if (each.statement.place, each.statement.name, each.number) not in SAID_TWICE
    ]
    assert not left, "not one arrangement shows these; give one in arrangements.py:\n" + "\n".join(left)
    assert twice == set(SAID_TWICE), "what is killed needs no excuse"
    assert killed > 400


def test_exceptions_are_of_statements_that_there_are() -> None:
    known = {(each.place, each.name) for each in statements()}
    assert set(ARRANGEMENTS) | set(APART) | {each[:2] for each in SAID_TWICE} <= known


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("select id, name from teams where id = %(id)s", "answers otherwise"),
        ("update pipelines set name = 'taken' where id = %(id)s", "changes rows of another organisation"),
        ("delete from teams where id = %(id)s", "changes rows of another organisation"),
        ("select nothing from teams where organization_id = %(organization_id)s", "is no statement"),
        ("select 1 / 0 from teams where organization_id = %(organization_id)s", "was never carried out"),
    ],
)
def test_a_statement_without_its_filter_is_found(executor: Executor, text: str, fault: str) -> None:
    found = executor.judge(Statement("here", "made_up", text)).faults
    assert any(each.startswith(fault) for each in found), found


@pytest.mark.parametrize(
    "text",
    [
        "select id from teams where organization_id = %(organization_id)s and false",
        "update teams set name = name where organization_id = %(organization_id)s and id <> id",
    ],
)
def test_a_mutant_that_changes_nothing_survives(executor: Executor, text: str) -> None:
    """So that "killed" means that the other organisation was reached."""
    statement = Statement("here", "made_up", text)
    assert executor.judge(statement).survived == list(mutants(statement))
