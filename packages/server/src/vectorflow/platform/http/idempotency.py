"""Idempotency keys: a POST that is sent twice is done once, and answered twice alike.

The key is claimed and the answer stored in the very transaction that does the work:

    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)                 # raises `Replay` where the answer is known
        pipeline = ...
        await idempotency.finish(txn, 201, pipeline)  # or finish_secret(txn, 201)
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.store import (
    idempotency_key_claim,
    idempotency_key_finish,
    idempotency_key_get,
)

HEADER = "idempotency-key"
MAX_KEY = 200


class IdempotencyKeyInvalidError(VectorFlowError, status=400, code="platform.idempotency-key-invalid"):
    """An Idempotency-Key is 1 to 200 printable ASCII characters."""


class IdempotencyKeyReusedError(VectorFlowError, status=422, code="platform.idempotency-key-reused"):
    """This Idempotency-Key was used for a different request; use a new key."""


class AnswerNotKeptError(VectorFlowError, status=409, code="platform.answer-not-kept"):
    """This was done already; its answer held a secret, which is shown once and never kept."""


class Replay(Exception):
    """The answer to this request is known; nothing was done again."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.headers = dict(headers)
        self.body = body


class Idempotency:
    """The idempotency of one request; without a key, `begin` and `finish` do nothing."""

    def __init__(self, actor_id: UUID, route: str, key: str | None, body: bytes) -> None:
        if key is not None and not (0 < len(key) <= MAX_KEY and key.isascii() and key.isprintable()):
            raise IdempotencyKeyInvalidError
        self._actor_id = actor_id
        self._route = route
        self._key = key
        self._body = body

    @classmethod
    async def of(cls, request: AnyRequest, actor_id: UUID) -> "Idempotency":
        """Read a request's key. The route is the operation and the path with all its parts."""
        route = f"{request.method} {request.scope['path']}"
        return cls(actor_id, route, request.headers.get(HEADER), await request.body())

    async def begin(self, txn: Transaction) -> None:
        """Claim the key. Raises `Replay`, `IdempotencyKeyReusedError` or `AnswerNotKeptError`."""
        if self._key is None:
            return
        # Keyed: a body may hold a secret that is short enough to be found from a plain hash by trying.
        body_hash = txn.keyed_hash("idempotency", self._body)
        if await idempotency_key_claim(txn, self._actor_id, self._route, self._key, body_hash):
            return
        stored = await idempotency_key_get(txn, self._actor_id, self._route, self._key)
        if stored is None or stored.body_hash != body_hash:
            raise IdempotencyKeyReusedError
        if stored.secret or stored.status is None:
            raise AnswerNotKeptError
        raise Replay(stored.status, stored.headers or {}, stored.body or b"")

    async def finish(
        self, txn: Transaction, status: int, answer: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Store the answer, as JSON; it must hold no secret."""
        if self._key is not None:
            body = b"" if answer is None else msgspec.json.encode(answer)
            await self._store(txn, status, headers or {}, body)

    async def finish_secret(self, txn: Transaction, status: int) -> None:
        """Remember that it was done, without the answer: a repeat gets 409."""
        await self._store(txn, status, {}, None)

    async def _store(
        self, txn: Transaction, status: int, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        if self._key is not None:
            await idempotency_key_finish(
                txn, self._actor_id, self._route, self._key, status=status, headers=headers, body=body
            )


def answer_replay(_request: AnyRequest, replay: Replay) -> Response[bytes]:
    """Answer with what was answered the first time."""
    return Response(
        replay.body,
        status_code=replay.status,
        media_type="application/json",
        headers={**replay.headers, "Idempotency-Replayed": "true"},
    )
