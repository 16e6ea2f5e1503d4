"""`fleet.authority`: form and slugs before memory, memory before the database."""

import uuid

import pytest

from vectorflow.fleet.authority import AgentTokens
from vectorflow.fleet.errors import AgentTokenRefused
from vectorflow.fleet.types import NodeAuthority
from vectorflow.platform.rate_limit import RateLimitedError
from vectorflow_wire import tokens


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class OneToken:
    """A database that knows one token and counts how often it is asked."""

    def __init__(self, authority) -> None:
        self.authority, self.asked = authority, 0

    def unscoped(self):
        return self

    async def __aenter__(self):
        self.asked += 1
        return self

    async def __aexit__(self, *_):
        return None

    async def row(self, into, sql, parameters):
        return self.authority


@pytest.fixture
def known():
    token = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
    ids = (uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
    return token, NodeAuthority(ids[0], "acme", ids[1], ids[2], token.hash, b"i" * 32, b"s" * 32)


async def test_a_token_is_looked_up_once_in_thirty_seconds(known) -> None:
    token, authority = known
    clock, database = Clock(), OneToken(authority)
    book = AgentTokens(database, monotonic=clock)
    for _ in range(5):
        assert await book.node(token, "a") == authority
    assert database.asked == 1
    clock.now = 31
    await book.node(token, "a")
    assert database.asked == 2
    book.forget_node(authority.node_id)
    database.authority = None
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")
    assert database.asked == 3  # what does not exist is remembered too


async def test_a_forged_secret_does_not_reach_the_database_again(known) -> None:
    token, authority = known
    database = OneToken(authority)
    book = AgentTokens(database)
    await book.node(token, "a")
    for _ in range(3):
        with pytest.raises(AgentTokenRefused):
            await book.node(tokens.mint(tokens.NODE, "acme", token.id), "a")
    assert database.asked == 1


async def test_look_ups_of_one_address_are_limited_and_memory_is_bounded(known) -> None:
    _, authority = known
    book = AgentTokens(OneToken(authority), monotonic=Clock(), max_entries=10)
    for _ in range(2000):
        with pytest.raises(AgentTokenRefused):
            await book.node(tokens.mint(tokens.NODE, "acme", uuid.uuid4()), "a")
    with pytest.raises(RateLimitedError):
        await book.node(tokens.mint(tokens.NODE, "acme", uuid.uuid4()), "a")
    assert len(book._entries) <= 10


@pytest.mark.parametrize("authorization", [None, "", "Basic x", "Bearer", "Bearer x", "Bearer vfn_a_b_c"])
def test_what_is_no_token_is_refused(authorization) -> None:
    with pytest.raises(AgentTokenRefused):
        AgentTokens(OneToken(None)).presented(None, authorization, tokens.NODE)


def test_the_slug_of_the_host_must_be_the_tokens() -> None:
    book = AgentTokens(OneToken(None), agent_domain="agents.example.com")
    text = tokens.mint(tokens.NODE, "acme", uuid.uuid4()).text
    assert book.presented("acme.agents.example.com", f"bearer {text}", tokens.NODE).slug == "acme"
    for host in (None, "acme.example.com", "acm.agents.example.com", "acme.agents.example.com."):
        with pytest.raises(AgentTokenRefused):
            book.presented(host, f"Bearer {text}", tokens.NODE)


async def test_what_is_used_is_asked_about_again_with_one_statement(known) -> None:
    token, authority = known
    clock, database = Clock(), ManyTokens([authority])
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
    database = ManyTokens([authority])
    book = AgentTokens(database, monotonic=Clock())
    await book.node(token, "a")
    await book.refresh()
    await book.refresh()
    assert database.refreshed == 1


async def test_a_node_forgotten_during_a_refresh_does_not_come_back(known) -> None:
    token, authority = known
    database = ManyTokens([authority])
    book = AgentTokens(database, monotonic=Clock())
    await book.node(token, "a")
    database.meanwhile = lambda: book.forget_node(authority.node_id)
    await book.refresh()
    database.known = []
    with pytest.raises(AgentTokenRefused):
        await book.node(token, "a")


class ManyTokens:
    """A database that knows tokens, and lets something happen while a refresh is under way."""

    def __init__(self, known) -> None:
        self.known, self.looked_up, self.refreshed = known, 0, 0
        self.meanwhile = lambda: None

    def unscoped(self):
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        return None

    async def row(self, into, sql, parameters):
        self.looked_up += 1
        return self.known[0] if self.known else None

    async def rows(self, into, sql, parameters):
        self.refreshed += 1
        found = list(self.known)
        self.meanwhile()
        return found
