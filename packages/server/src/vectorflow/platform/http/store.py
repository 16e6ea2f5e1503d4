"""The rows that remember answers by idempotency key."""

from collections.abc import Mapping
from uuid import UUID

import msgspec

from vectorflow.platform.database import Transaction


class StoredAnswer(msgspec.Struct, frozen=True):
    """What was answered before; `status` is None while nothing has been stored."""

    body_hash: bytes
    secret: bool
    status: int | None
    headers: dict[str, str] | None
    body: bytes | None


async def idempotency_key_claim(
    txn: Transaction, actor_id: UUID, route: str, key: str, body_hash: bytes
) -> bool:
    """Claim a key; True when it is new. Waits for another transaction that is claiming the same."""
    parameters = {"actor_id": actor_id, "route": route, "key": key, "body_hash": body_hash}
    await txn.execute(
        """delete from idempotency_keys
           where organization_id = %(organization_id)s and actor_id = %(actor_id)s and route = %(route)s
             and key = %(key)s and created_at < now() - interval '24 hours'""",
        parameters,
    )
    inserted = await txn.execute(
        """insert into idempotency_keys (organization_id, actor_id, route, key, body_hash)
           values (%(organization_id)s, %(actor_id)s, %(route)s, %(key)s, %(body_hash)s)
           on conflict do nothing""",
        parameters,
    )
    return inserted == 1


async def idempotency_key_get(txn: Transaction, actor_id: UUID, route: str, key: str) -> StoredAnswer | None:
    """Return what was stored under a key."""
    return await txn.row(
        StoredAnswer,
        """select body_hash, secret, status, headers, body from idempotency_keys
           where organization_id = %(organization_id)s and actor_id = %(actor_id)s and route = %(route)s
             and key = %(key)s""",
        {"actor_id": actor_id, "route": route, "key": key},
    )


async def idempotency_key_finish(
    txn: Transaction,
    actor_id: UUID,
    route: str,
    key: str,
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes | None,
) -> None:
    """Store the answer of a claimed key; no body means that it carried a secret."""
    await txn.execute(
        """update idempotency_keys
           set status = %(status)s, headers = %(headers)s::jsonb, body = %(body)s, secret = %(secret)s
           where organization_id = %(organization_id)s and actor_id = %(actor_id)s and route = %(route)s
             and key = %(key)s""",
        {
            "actor_id": actor_id,
            "route": route,
            "key": key,
            "status": status,
            "headers": msgspec.json.encode(dict(headers)).decode(),
            "body": body,
            "secret": body is None,
        },
    )
