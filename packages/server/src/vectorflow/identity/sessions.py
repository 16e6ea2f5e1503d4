"""The sessions a process knows: looked up by hash, remembered for at most 30 seconds, forgotten at once when revoked."""

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import msgspec

from vectorflow.identity import store, tokens
from vectorflow.identity.errors import NotSignedInError
from vectorflow.identity.types import AccountInfo, LiveSession, SessionRow
from vectorflow.kernel.clock import Clock
from vectorflow.platform.database import Database

CACHE_SECONDS = 30.0
_MAX_CACHED = 20_000


class _Cached(msgspec.Struct):
    session: LiveSession
    until: float


class SessionCache:
    """Authenticates tokens.

    What was read while a revocation came in is not remembered, and nothing is while the bus is down:
    without it, another process's revocation would not be heard.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        bus_connected: Callable[[], bool] = lambda: True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._clock = clock
        self._bus_connected = bus_connected
        self._monotonic = monotonic
        self._cached: OrderedDict[bytes, _Cached] = OrderedDict()
        self._changes = 0

    async def authenticate(self, token: str) -> LiveSession:
        """Return the live session of a token. Raises `NotSignedInError`."""
        if not tokens.is_token(token):
            raise NotSignedInError
        digest = tokens.token_hash(token)
        known = self._cached.get(digest)
        if known and known.until > self._monotonic() and self._bus_connected():
            if known.session.expires_at <= self._clock.now():
                raise NotSignedInError
            return known.session
        changes = self._changes
        row = await self._look_up(digest)
        if row is None:
            self._cached.pop(digest, None)
            raise NotSignedInError
        account = AccountInfo(row.account_id, row.email, row.name)
        session = LiveSession(row.id, account, row.expires_at, digest, tokens.csrf_token(token))
        if changes == self._changes:
            self._remember(digest, session)
        return session

    def forget(self, session_id: UUID) -> None:
        """Forget a session that was revoked."""
        self._changes += 1
        for digest in [key for key, item in self._cached.items() if item.session.id == session_id]:
            del self._cached[digest]

    def clear(self) -> None:
        """Forget all: revocations may have been missed."""
        self._changes += 1
        self._cached.clear()

    async def _look_up(self, digest: bytes) -> SessionRow | None:
        async with self._database.unscoped() as txn:
            row = await store.session_by_hash(txn, digest)
            if row is not None:
                await store.session_touch(txn, digest)
        return row

    def _remember(self, digest: bytes, session: LiveSession) -> None:
        self._cached.pop(digest, None)
        self._cached[digest] = _Cached(session, self._monotonic() + CACHE_SECONDS)
        if len(self._cached) > _MAX_CACHED:
            self._cached.popitem(last=False)
