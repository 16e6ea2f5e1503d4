"""`fleet.authority`: form and slugs before memory, memory before the database."""

import asyncio
import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from vectorflow.fleet.authority import AgentTokens
from vectorflow.fleet.errors import AgentTokenRefused, GatewayBusy
from vectorflow.fleet.types import EnrolmentAuthority, FoundToken
from vectorflow.platform.rate_limit import RateLimitedError
from vectorflow_wire import tokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Tokens:
    """A database that knows tokens, counts how often it is asked, and lets something happen meanwhile."""

    def __init__(self, *known) -> None:
        self.known, self.looked_up, self.refreshed = list(known), 0, 0
        self.meanwhile = lambda: None
        self.enrolling = []

    def unscoped(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def rows(self, into, sql, parameters):
        self.looked_up += 1
        found = [each for each in self.known if each.token_id in parameters["token_ids"]]
        self.meanwhile()
        return found

    async def row(self, into, sql, parameters):
        self.looked_up += 1
        return next((each for each in self.enrolling if each[0] == parameters["token_id"]), (None, None))[1]

    async def rows_of_ids(self, sql, parameters):
        self.refreshed += 1
        known = {each.token_id: each.stamp for each in self.known}
        held = zip(parameters["token_ids"], parameters["stamps"], strict=True)
        changed = [token_id for token_id, stamp in held if known.get(token_id) != stamp]
        self.meanwhile()
        return changed


@pytest.fixture
def known():
    token = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
    ids = (uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
    return token, FoundToken(
        ids[0], "acme", ids[1], ids[2], token.hash, b"i" * 32, b"s" * 32, token_id=token.id, stamp=1
    )


async def test_a_token_is_looked_up_once_in_thirty_seconds(known) -> None:
    token, authority = known
    clock, database = Clock(), Tokens(authority)
    book = AgentTokens(database, monotonic=clock)
    for _ in range(5):
        assert await book.node(token, "a") == authority
    assert database.looked_up == 1
    clock.now = 31
    await book.node(token, "a")
    assert database.looked_up == 2
    book.forget_node(authority.node_id)
    database.known = []
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")
    assert database.looked_up == 3  # what does not exist is remembered too


async def test_a_forged_secret_does_not_reach_the_database_again(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database)
    await book.node(token, "a")
    for _ in range(3):
        with pytest.raises(AgentTokenRefused):
            await book.node(tokens.mint(tokens.NODE, "acme", token.id), "a")
    assert database.looked_up == 1


async def test_look_ups_of_one_address_are_limited_and_memory_is_bounded(known) -> None:
    _, authority = known
    book = AgentTokens(Tokens(authority), monotonic=Clock(), max_entries=10)
    for _ in range(2000):
        with pytest.raises(AgentTokenRefused):
            await book.node(tokens.mint(tokens.NODE, "acme", uuid.uuid4()), "a")
    with pytest.raises(RateLimitedError):
        await book.node(tokens.mint(tokens.NODE, "acme", uuid.uuid4()), "a")
    assert len(book._entries) <= 10


@pytest.mark.parametrize("authorization", [None, "", "Basic x", "Bearer", "Bearer x", "Bearer vfn_a_b_c"])
def test_what_is_no_token_is_refused(authorization) -> None:
    with pytest.raises(AgentTokenRefused):
        AgentTokens(Tokens()).presented(None, authorization, tokens.NODE)


def test_the_slug_of_the_host_must_be_the_tokens() -> None:
    book = AgentTokens(Tokens(), agent_domain="agents.example.com")
    text = tokens.mint(tokens.NODE, "acme", uuid.uuid4()).text
    assert book.presented("acme.agents.example.com", f"bearer {text}", tokens.NODE).slug == "acme"
    for host in (None, "acme.example.com", "acm.agents.example.com", "acme.agents.example.com."):
        with pytest.raises(AgentTokenRefused):
            book.presented(host, f"Bearer {text}", tokens.NODE)


async def test_what_is_used_is_asked_about_again_with_one_statement(known) -> None:
    token, authority = known
    clock, database = Clock(), Tokens(authority)
    book = AgentTokens(database, monotonic=clock)
    await book.node(token, "a")
    clock.now = 10
    await book.refresh()
    clock.now = 35  # over 30 s after the look-up, not after the refresh
    await book.node(token, "a")
    assert (database.looked_up, database.refreshed) == (1, 1)
    database.known = []
    await book.refresh()
    clock.now = 41  # the database did not know it any more: the last word was of second 10
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")


async def test_what_nobody_uses_is_not_asked_about(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database, monotonic=Clock())
    await book.node(token, "a")
    await book.refresh()
    await book.refresh()
    assert database.refreshed == 1


async def test_a_node_forgotten_during_a_refresh_does_not_come_back(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database, monotonic=Clock())
    await book.node(token, "a")
    database.meanwhile = lambda: book.forget_node(authority.node_id)
    await book.refresh()
    database.known, database.meanwhile = [], lambda: None
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")


async def test_those_who_ask_at_once_share_a_statement(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database)
    strangers = [tokens.mint(tokens.NODE, "acme", uuid.uuid4()) for _ in range(50)]
    asked = [book.node(each, "a") for each in (token, token, *strangers)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[:2] == [authority, authority]
    assert all(isinstance(each, AgentTokenRefused) for each in answers[2:])
    assert database.looked_up == 1


async def test_a_node_revoked_while_its_token_is_read_is_read_again(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database)

    def revoked() -> None:
        database.known, database.meanwhile = [], lambda: None
        book.forget_node(authority.node_id)

    database.meanwhile = revoked
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")
    assert database.looked_up == 2


async def test_a_node_that_changes_all_the_time_is_asked_to_come_again(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database)
    database.meanwhile = book.clear
    with pytest.raises(GatewayBusy):
        await book.node(token, "a")
    database.meanwhile = lambda: None
    assert await book.node(token, "a") == authority


async def test_an_authority_that_changed_is_looked_up_anew(known) -> None:
    token, authority = known
    database = Tokens(authority)
    book = AgentTokens(database, monotonic=Clock())
    await book.node(token, "a")
    moved = msgspec.structs.replace(authority, environment_id=uuid.uuid4(), stamp=2)
    database.known = [moved]
    await book.refresh()
    assert await book.node(token, "a") == moved


async def test_all_tokens_of_a_node_are_forgotten_together(known) -> None:
    token, authority = known
    second = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
    other = msgspec.structs.replace(authority, token_id=second.id, secret_hash=second.hash)
    database = Tokens(authority, other)
    book = AgentTokens(database)
    for each in (token, second):
        await book.node(each, "a")
    database.known = []
    book.forget_node(authority.node_id)
    for each in (token, second):
        with pytest.raises(AgentTokenRefused):
            await book.node(each, "a")


@pytest.fixture
def enrolling():
    """An enrolment token, and a database that knows it."""
    token = tokens.mint(tokens.ENROLMENT, "acme", uuid.uuid4())
    authority = EnrolmentAuthority(
        organization_id=uuid.uuid4(),
        slug="acme",
        environment_id=uuid.uuid4(),
        secret_hash=token.hash,
        expires_at=datetime.now(UTC),
        spent=False,
        revoked=False,
    )
    database = Tokens()
    database.enrolling = [(token.id, authority)]
    return token, authority, database


async def test_an_enrolment_token_is_looked_up_once_in_thirty_seconds(enrolling) -> None:
    token, authority, database = enrolling
    clock = Clock()
    book = AgentTokens(database, monotonic=clock)
    for number in range(3):
        clock.now = number * 9.9
        assert await book.enrolment(token, "10.0.0.1") == authority
    assert database.looked_up == 1
    clock.now = 30.1
    await book.enrolment(token, "10.0.0.1")
    assert database.looked_up == 2
    book.clear()
    await book.enrolment(token, "10.0.0.1")
    assert database.looked_up == 3


async def test_a_wrong_secret_is_refused_whether_or_not_the_token_is_remembered(enrolling) -> None:
    token, _, database = enrolling
    wrong = msgspec.structs.replace(token, secret=b"x" * 32)
    book = AgentTokens(database, monotonic=Clock())
    for expected in (1, 2):  # what is refused is not remembered
        with pytest.raises(AgentTokenRefused):
            await book.enrolment(wrong, "10.0.0.1")
        assert database.looked_up == expected
    await book.enrolment(token, "10.0.0.1")
    for moved in (wrong, msgspec.structs.replace(token, slug="other")):
        with pytest.raises(AgentTokenRefused):
            await book.enrolment(moved, "10.0.0.1")
    database.enrolling.clear()
    with pytest.raises(AgentTokenRefused):
        await book.enrolment(tokens.mint(tokens.ENROLMENT, "acme", uuid.uuid4()), "10.0.0.1")


async def test_few_enrolment_tokens_are_remembered(enrolling, monkeypatch) -> None:
    monkeypatch.setattr("vectorflow.fleet.authority._MOST_ENROLMENTS", 2)
    token, authority, database = enrolling
    book = AgentTokens(database, monotonic=Clock())
    others = [tokens.mint(tokens.ENROLMENT, "acme", uuid.uuid4()) for _ in range(3)]
    database.enrolling += [
        (each.id, msgspec.structs.replace(authority, secret_hash=each.hash)) for each in others
    ]
    for each in (token, *others, token):
        await book.enrolment(each, "10.0.0.1")
    assert database.looked_up == 5
    assert len(book._enrolling) == 2
