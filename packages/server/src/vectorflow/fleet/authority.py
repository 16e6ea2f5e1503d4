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
_REFRESH_CHUNK = 5000
_BEARER = "bearer "
_STILL_KNOWN = "select found.* from unnest(%(tokens)s::uuid[]) as token, vf.node_token(token) as found"  # house: sql: the look-up of the store, for many at once


class _Entry(msgspec.Struct):
    authority: NodeAuthority | None
    expires_at: float
    used: bool = True


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
        entry.used = True
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

    async def refresh(self) -> None:
        """Ask again about every token used since the last time, with one statement for 5,000 of them.

        What nobody used is left to run out, and so is what the database no longer knows.
        """
        used = [(each, entry) for each, entry in self._entries.items() if entry.used and entry.authority]
        for start in range(0, len(used), _REFRESH_CHUNK):
            chunk = used[start : start + _REFRESH_CHUNK]
            asked_at = self._monotonic()
            async with self._database.unscoped() as txn:
                rows = await txn.rows(NodeAuthority, _STILL_KNOWN, {"tokens": [each for each, _ in chunk]})
            known = {row.secret_hash: row for row in rows}
            for token_id, entry in chunk:
                found = known.get(entry.authority.secret_hash) if entry.authority else None
                # One forgotten meanwhile, since it was revoked, must not come back by an older answer.
                if found is not None and self._entries.get(token_id) is entry:
                    entry.authority, entry.expires_at = found, asked_at + LIFETIME_SECONDS
                    entry.used = False

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
