"""The SQL of enrolment tokens and node tokens."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg.types.json import Jsonb

from vectorflow.fleet.types import EnrolmentAuthority, EnrolmentTokenRow, FoundToken
from vectorflow.platform.database import Transaction


async def node_authorities(txn: Transaction, token_ids: Sequence[UUID]) -> list[FoundToken]:
    """Look node tokens up by their exact ids, before any scope exists."""
    return await txn.rows(
        FoundToken,
        """select found.*, token as token_id, hashtextextended(found::text, 0) as stamp
        from unnest(%(token_ids)s::uuid[]) as token, vf.node_token(token) as found""",
        {"token_ids": list(token_ids)},
    )


async def node_tokens_changed(
    txn: Transaction, token_ids: Sequence[UUID], stamps: Sequence[int]
) -> list[UUID]:
    """Return those of many tokens that are not as they were when they were read."""
    return await txn.rows_of_ids(
        """select held.id from unnest(%(token_ids)s::uuid[], %(stamps)s::bigint[]) as held (id, stamp)
        left join lateral vf.node_token(held.id) as found on true
        where hashtextextended(found::text, 0) is distinct from held.stamp""",
        {"token_ids": list(token_ids), "stamps": list(stamps)},
    )


async def enrolment_authority(txn: Transaction, token_id: UUID) -> EnrolmentAuthority | None:
    """Look an enrolment token up by its exact id, before any scope exists."""
    return await txn.row(
        EnrolmentAuthority, "select * from vf.enrolment_token(%(token_id)s)", {"token_id": token_id}
    )


async def enrolment_token_list(
    txn: Transaction, environment_id: UUID, *, after: UUID | None, limit: int, text: str | None
) -> list[EnrolmentTokenRow]:
    """Return an environment's enrolment tokens, newest first."""
    return await txn.rows(
        EnrolmentTokenRow,
        """select id, name, created_at, created_by, expires_at, uses, max_uses, labels, revoked_at, version
        from enrolment_tokens
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and (%(after)s::uuid is null or id < %(after)s)
          and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0)
        order by id desc limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text},
    )


async def enrolment_token_get(
    txn: Transaction, environment_id: UUID, token_id: UUID
) -> EnrolmentTokenRow | None:
    """Return one enrolment token of an environment."""
    return await txn.row(
        EnrolmentTokenRow,
        """select id, name, created_at, created_by, expires_at, uses, max_uses, labels, revoked_at, version
        from enrolment_tokens
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s""",
        {"environment_id": environment_id, "id": token_id},
    )


async def enrolment_token_insert(
    txn: Transaction,
    *,
    token_id: UUID,
    environment_id: UUID,
    name: str,
    secret_hash: bytes,
    labels: dict[str, str],
    created_by: str,
    expires_at: datetime,
    max_uses: int,
) -> None:
    """Store a new enrolment token by the hash of its secret."""
    await txn.execute(
        """insert into enrolment_tokens (organization_id, id, environment_id, name, secret_hash, labels,
            created_by, expires_at, max_uses)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(secret_hash)s, %(labels)s,
            %(created_by)s, %(expires_at)s, %(max_uses)s)""",
        {
            "id": token_id,
            "environment_id": environment_id,
            "name": name,
            "secret_hash": secret_hash,
            "labels": Jsonb(labels),
            "created_by": created_by,
            "expires_at": expires_at,
            "max_uses": max_uses,
        },
    )


async def enrolment_token_revoke(txn: Transaction, environment_id: UUID, token_id: UUID) -> bool:
    """Revoke an enrolment token; False when it was revoked before."""
    return (
        await txn.execute(
            """update enrolment_tokens set revoked_at = now(), version = version + 1
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s
          and revoked_at is null""",
            {"environment_id": environment_id, "id": token_id},
        )
        == 1
    )


async def enrolment_token_use(txn: Transaction, token_id: UUID) -> dict[str, str] | None:
    """Use the token once and return its labels; None when it may not be used (any more)."""
    found = await txn.value(
        """update enrolment_tokens set uses = uses + 1
        where organization_id = %(organization_id)s and id = %(id)s
          and revoked_at is null and expires_at > now() and uses < max_uses
        returning labels""",
        {"id": token_id},
    )
    return found if isinstance(found, dict) else None


async def node_token_insert(txn: Transaction, token_id: UUID, node_id: UUID, secret_hash: bytes) -> None:
    """Store a new node token by the hash of its secret."""
    await txn.execute(
        """insert into node_tokens (organization_id, id, node_id, secret_hash)
        values (%(organization_id)s, %(id)s, %(node_id)s, %(secret_hash)s)""",
        {"id": token_id, "node_id": node_id, "secret_hash": secret_hash},
    )


async def node_token_revoke_all(txn: Transaction, node_id: UUID) -> None:
    """Revoke every token of a node."""
    await txn.execute(
        """update node_tokens set revoked_at = now()
        where organization_id = %(organization_id)s and node_id = %(node_id)s and revoked_at is null""",
        {"node_id": node_id},
    )
