"""Whom a token belongs to, answered from memory where it can be.

The order is the protection: form and checksum first, then the slugs of token and Host, then the cache, and only
then the database. What is cached is believed for 30 seconds at most and dropped when the bus says so.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import AgentTokenRefused
from vectorflow.fleet.store import tokens as store
from vectorflow.fleet.types import EnrolmentAuthority, NodeAuthority
from vectorflow.platform.database import Database
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire import slugs, tokens

LIFETIME_SECONDS = 30.0
_BEARER = "bearer "


class _Entry(msgspec.Struct):
    authority: NodeAuthority | None
    expires_at: float


class AgentTokens:
    """Authenticates agents. With an agent domain, the slugs of token and Host must agree before all else."""

    def __init__(
        self,
        database: Database,
        *,
        agent_domain: str | None = None,
        max_entries: int = 100_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._domain = agent_domain
        self._max_entries = max_entries
        self._monotonic = monotonic
        self._entries: OrderedDict[UUID, _Entry] = OrderedDict()
        self._of_node: dict[UUID, UUID] = {}
        # Look-ups that miss the cache cost a statement; an address can cause so many and no more.
        self._look_ups = TokenBuckets(burst=2000, per_second=200, monotonic=monotonic)
        self._enrolments = TokenBuckets(burst=100, per_second=5, monotonic=monotonic)

    def presented(self, host: str | None, authorization: str | None, prefix: str) -> tokens.Token:
        """Take the token of a request and compare slugs, without the database. Raises `AgentTokenRefused`."""
        if authorization is None or not authorization[: len(_BEARER)].lower() == _BEARER:
            raise AgentTokenRefused("send the token as Authorization: Bearer")
        try:
            token = tokens.parse(authorization[len(_BEARER) :].strip(), prefixes=(prefix,))
        except tokens.TokenInvalid as error:
            raise AgentTokenRefused(str(error)) from None
        if self._domain is not None and slugs.slug_of_host(host or "", self._domain) != token.slug:
            raise AgentTokenRefused
        return token

    async def node(self, token: tokens.Token, address: str) -> NodeAuthority:
        """Return whose node token it is.

        Raises `AgentTokenRefused`, `RateLimitedError`, `DatabaseUnavailable`.
        """
        entry = self._entries.get(token.id)
        if entry is None or entry.expires_at < self._monotonic():
            self._look_ups.check(address)
            async with self._database.unscoped() as txn:
                found = await store.node_authority(txn, token.id)
            entry = self._keep(token.id, found)
        authority = entry.authority
        if (
            authority is None
            or not tokens.secret_matches(token.secret, authority.secret_hash)
            or authority.slug != token.slug
        ):
            raise AgentTokenRefused
        return authority

    async def enrolment(self, token: tokens.Token, address: str) -> EnrolmentAuthority:
        """Return whose enrolment token it is; never cached, enrolling is rare.

        Raises `AgentTokenRefused`, `RateLimitedError`, `DatabaseUnavailable`.
        """
        self._enrolments.check(address)
        async with self._database.unscoped() as txn:
            found = await store.enrolment_authority(txn, token.id)
        if (
            found is None
            or not tokens.secret_matches(token.secret, found.secret_hash)
            or found.slug != token.slug
        ):
            raise AgentTokenRefused
        return found

    def forget_node(self, node_id: UUID) -> None:
        """Look the node's token up again at its next request."""
        token_id = self._of_node.pop(node_id, None)
        if token_id is not None:
            self._entries.pop(token_id, None)

    def clear(self) -> None:
        """Drop everything, since news may have been missed."""
        self._entries.clear()
        self._of_node.clear()

    def _keep(self, token_id: UUID, authority: NodeAuthority | None) -> _Entry:
        entry = _Entry(authority, self._monotonic() + LIFETIME_SECONDS)
        self._entries[token_id] = entry
        self._entries.move_to_end(token_id)
        if authority is not None:
            self._of_node[authority.node_id] = token_id
        while len(self._entries) > self._max_entries:
            _, dropped = self._entries.popitem(last=False)
            if dropped.authority is not None:
                self._of_node.pop(dropped.authority.node_id, None)
        return entry
