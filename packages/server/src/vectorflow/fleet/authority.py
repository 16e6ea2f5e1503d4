"""Whom a token belongs to, answered from memory where it can be.

The order is the protection: form and checksum first, then the slugs of token and Host, then the cache, and only
then the database. What is cached is believed for 30 seconds at most and dropped when the bus says so.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import AgentTokenRefused, GatewayBusy
from vectorflow.fleet.gathering import Gathering, News
from vectorflow.fleet.store import tokens as store
from vectorflow.fleet.types import EnrolmentAuthority, FoundToken, NodeAuthority
from vectorflow.platform.database import Database
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_wire import slugs, tokens

LIFETIME_SECONDS = 30.0
_REFRESH_CHUNK = 5000
_TRIES = 3
_MOST_ENROLMENTS = 1000
_BEARER = "bearer "


class _Entry(msgspec.Struct):
    authority: FoundToken | None
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
        self._of_node: dict[UUID, tuple[UUID, ...]] = {}
        self._enrolling: OrderedDict[UUID, tuple[EnrolmentAuthority, float]] = OrderedDict()
        self._asked: Gathering[UUID, _Entry] = Gathering(self._look_up)
        self._news = News()
        # Look-ups that miss the cache cost a statement; an address can cause so many and no more.
        self._look_ups = TokenBuckets(burst=2000, per_second=200, monotonic=monotonic)
        self._enrolments = TokenBuckets(burst=100, per_second=5, monotonic=monotonic)

    def __len__(self) -> int:
        return len(self._entries)

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

    async def node(self, token: tokens.Token, address: str | None = None) -> NodeAuthority:
        """Return whose node token it is. Without an address one that was let in before is looked at again.

        Raises `AgentTokenRefused`, `RateLimitedError`, `GatewayBusy`, `DatabaseUnavailable`.
        """
        entry = self._entries.get(token.id)
        if entry is None or entry.expires_at < self._monotonic():
            if address is not None:
                self._look_ups.check(address)
            entry = await self._asked.get(token.id)
            if entry is None:
                raise GatewayBusy(headers={"Retry-After": "1"})
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
        """Return whose enrolment token it is, as it was up to 30 seconds ago: a site enrols with one token.

        Whether it may still be used is for the statement that counts its use. Raises `AgentTokenRefused`,
        `RateLimitedError`, `DatabaseUnavailable`.
        """
        self._enrolments.check(address)
        found, until = self._enrolling.get(token.id, (None, 0.0))
        old = found is None or until < self._monotonic()
        if old:
            async with self._database.unscoped() as txn:
                found = await store.enrolment_authority(txn, token.id)
        if (
            found is None
            or not tokens.secret_matches(token.secret, found.secret_hash)
            or found.slug != token.slug
        ):
            raise AgentTokenRefused
        # Of those whose secret was right alone: nobody else decides what is remembered.
        if old:
            self._enrolling[token.id] = found, self._monotonic() + LIFETIME_SECONDS
            self._enrolling.move_to_end(token.id)
            while len(self._enrolling) > _MOST_ENROLMENTS:
                self._enrolling.popitem(last=False)
        return found

    async def refresh(self) -> None:
        """Ask again about every token used since the last time, with one statement for 5,000 of them.

        Only what has changed is answered, and looked up anew at its next use. What nobody used is left to run out.
        """
        used = [(each, entry) for each, entry in self._entries.items() if entry.used and entry.authority]
        for start in range(0, len(used), _REFRESH_CHUNK):
            chunk = used[start : start + _REFRESH_CHUNK]
            asked_at = self._monotonic()
            stamps = [entry.authority.stamp for _, entry in chunk if entry.authority]
            async with self._database.unscoped() as txn:
                changed = set(await store.node_tokens_changed(txn, [each for each, _ in chunk], stamps))
            for token_id, entry in chunk:
                # One forgotten meanwhile, since it was revoked, is not in the book any more.
                if token_id in changed:
                    self._drop(token_id)
                else:
                    entry.expires_at, entry.used = asked_at + LIFETIME_SECONDS, False

    def knows(self, node_id: UUID) -> bool:
        """Tell whether a node talked to this process lately."""
        return node_id in self._of_node

    def forget_node(self, node_id: UUID) -> None:
        """Look the node's tokens up again at their next request."""
        self._news.told(node_id)
        for token_id in self._of_node.pop(node_id, ()):
            self._entries.pop(token_id, None)

    def clear(self) -> None:
        """Drop everything, since news may have been missed."""
        self._news.told(None)
        self._entries.clear()
        self._of_node.clear()
        self._enrolling.clear()

    async def close(self) -> None:
        """Let look-ups that are under way finish."""
        await self._asked.close()

    async def _look_up(self, token_ids: list[UUID]) -> dict[UUID, _Entry]:
        found, unsure = await self._found(token_ids)
        return {each: self._keep(each, found.get(each)) for each in token_ids if each not in unsure}

    async def _found(self, token_ids: list[UUID]) -> tuple[dict[UUID, FoundToken], list[UUID]]:
        """Read authorities; those the bus tells of meanwhile are read again, since its word may be the newer one.

        Also returns those that the bus told of each time.
        """
        found: dict[UUID, FoundToken] = {}
        wanted = token_ids
        for _ in range(_TRIES):
            with self._news.during() as heard:
                async with self._database.unscoped() as txn:
                    rows = {row.token_id: row for row in await store.node_authorities(txn, wanted)}
            if None not in heard:
                wanted = [token_id for token_id, row in rows.items() if row.node_id in heard]
            found |= {token_id: row for token_id, row in rows.items() if token_id not in wanted}
            if not wanted:
                break
        return found, wanted

    def _keep(self, token_id: UUID, authority: FoundToken | None) -> _Entry:
        entry = _Entry(authority, self._monotonic() + LIFETIME_SECONDS)
        self._entries[token_id] = entry
        self._entries.move_to_end(token_id)
        if authority is not None:
            others = self._of_node.get(authority.node_id, ())
            if token_id not in others:
                self._of_node[authority.node_id] = (*others, token_id)
        while len(self._entries) > self._max_entries:
            self._drop(next(iter(self._entries)))
        return entry

    def _drop(self, token_id: UUID) -> None:
        dropped = self._entries.pop(token_id, None)
        if dropped is None or dropped.authority is None:
            return
        node_id = dropped.authority.node_id
        others = tuple(each for each in self._of_node.get(node_id, ()) if each != token_id)
        if others:
            self._of_node[node_id] = others
        else:
            self._of_node.pop(node_id, None)
