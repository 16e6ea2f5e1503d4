"""The SQL of enrolment tokens and node tokens."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.types import EnrolmentAuthority, EnrolmentTokenRow, FoundToken
from vectorflow.platform.database import Transaction


async def node_authorities(txn: Transaction, token_ids: Sequence[UUID]) -> list[FoundToken]:
    """Look node tokens up by their exact ids, before any scope exists."""
    return await txn.rows(
        FoundToken,
        """select found.*, hashtextextended(found::text, 0) as stamp
        from vf.node_tokens(%(token_ids)s) as found""",
        {"token_ids": list(token_ids)},
    )


async def node_tokens_changed(
    txn: Transaction, token_ids: Sequence[UUID], stamps: Sequence[int]
) -> list[UUID]:
    """Return those of many tokens that are not as they were when they were read."""
    return await txn.rows_of_ids(
        """select held.id from unnest(%(token_ids)s::uuid[], %(stamps)s::bigint[]) as held (id, stamp)
        left join vf.node_tokens(%(token_ids)s) as found on found.token_id = held.id
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
        """select id, name, created_at, created_by, expires_at, uses, max_uses, labels, allowed_addresses, approval,
            revoked_at, version
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
        """select id, name, created_at, created_by, expires_at, uses, max_uses, labels, allowed_addresses, approval,
            revoked_at, version
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
    allowed_addresses: Sequence[str] = (),
    approval: bool = False,
) -> None:
    """Store a new enrolment token by the hash of its secret."""
    await txn.execute(
        """insert into enrolment_tokens (organization_id, id, environment_id, name, secret_hash, labels,
            created_by, expires_at, max_uses, allowed_addresses, approval)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(secret_hash)s, %(labels)s,
            %(created_by)s, %(expires_at)s, %(max_uses)s, %(allowed_addresses)s, %(approval)s)""",
        {
            "id": token_id,
            "environment_id": environment_id,
            "name": name,
            "secret_hash": secret_hash,
            "labels": Jsonb(labels),
            "created_by": created_by,
            "expires_at": expires_at,
            "max_uses": max_uses,
            "allowed_addresses": list(allowed_addresses),
            "approval": approval,
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
    """Use the token once and return its labels; None when it may not be used (any more).

    An organisation that is suspended, or that is about to be deleted, takes no new nodes.
    """
    found = await txn.value(
        """update enrolment_tokens set uses = uses + 1
        where organization_id = %(organization_id)s and id = %(id)s
          and revoked_at is null and expires_at > now() and uses < max_uses
          and exists (select 1 from organizations o where o.id = %(organization_id)s
                      and o.suspended_at is null and o.deletion_due_at is null)
        returning labels""",
        {"id": token_id},
    )
    return found if isinstance(found, dict) else None


class HeldToken(msgspec.Struct, frozen=True):
    """A node token that may still be used. `successor_used`: a newer one of the node is in use."""

    node_id: UUID
    superseded: bool
    successor_used: bool


async def node_token_held(txn: Transaction, token_id: UUID, secret_hash: bytes) -> HeldToken | None:
    """Return what a node token is, if it was not revoked."""
    return await txn.row(
        HeldToken,
        """select t.node_id, t.superseded_at is not null as superseded, exists (
                select 1 from node_tokens s
                where s.organization_id = t.organization_id and s.node_id = t.node_id and s.created_at > t.created_at
                  and s.first_used_at is not null) as successor_used
        from node_tokens t
        where t.organization_id = %(organization_id)s and t.id = %(id)s and t.secret_hash = %(secret_hash)s
          and t.revoked_at is null""",
        {"id": token_id, "secret_hash": secret_hash},
    )


async def node_token_insert(
    txn: Transaction, token_id: UUID, node_id: UUID, secret_hash: bytes, *, first: bool
) -> None:
    """Store a new node token by the hash of its secret; a node's first one need not be seen in use."""
    await txn.execute(
        """insert into node_tokens (organization_id, id, node_id, secret_hash, created_at, first_used_at)
        values (%(organization_id)s, %(id)s, %(node_id)s, %(secret_hash)s, clock_timestamp(),
            case when %(first)s then clock_timestamp() end)""",
        {"id": token_id, "node_id": node_id, "secret_hash": secret_hash, "first": first},
    )


async def node_token_supersede(
    txn: Transaction, node_id: UUID, identity_key: bytes, overlap: timedelta
) -> None:
    """Let a node's tokens run out after a while; until then each goes with the identity key it had.

    So do those that were never used: whether an answer was lost, or a copy of the machine has it and is yet to speak,
    nobody can tell.
    """
    await txn.execute(
        """update node_tokens set
            superseded_at = coalesce(superseded_at, now()),
            valid_until = coalesce(valid_until, now() + %(overlap)s),
            identity_key = coalesce(identity_key, %(identity_key)s)
        where organization_id = %(organization_id)s and node_id = %(node_id)s and revoked_at is null""",
        {"node_id": node_id, "identity_key": identity_key, "overlap": overlap},
    )


async def node_token_first_use(txn: Transaction, token_id: UUID) -> None:
    """Write down that a token is in use: its answer was not lost."""
    await txn.execute(
        """update node_tokens set first_used_at = now()
        where organization_id = %(organization_id)s and id = %(id)s and first_used_at is null""",
        {"id": token_id},
    )


async def node_token_revoke_all(txn: Transaction, node_id: UUID, *, superseded_only: bool = False) -> None:
    """Revoke every token of a node, or those that were replaced."""
    await txn.execute(
        """update node_tokens set revoked_at = now()
        where organization_id = %(organization_id)s and node_id = %(node_id)s and revoked_at is null
          and (superseded_at is not null or not %(superseded_only)s)""",
        {"node_id": node_id, "superseded_only": superseded_only},
    )


async def challenge_insert(
    txn: Transaction, challenge_id: UUID, node_id: UUID, nonce_hash: bytes, life: timedelta
) -> None:
    """Store a nonce by its hash, and forget those whose time has run out."""
    await txn.execute(
        """with gone as (
            delete from enrolment_challenges
            where organization_id = %(organization_id)s and expires_at < now())
        insert into enrolment_challenges (organization_id, id, node_id, nonce_hash, expires_at)
        values (%(organization_id)s, %(id)s, %(node_id)s, %(nonce_hash)s, now() + %(life)s)""",
        {"id": challenge_id, "node_id": node_id, "nonce_hash": nonce_hash, "life": life},
    )


async def challenge_take(txn: Transaction, challenge_id: UUID, nonce_hash: bytes) -> UUID | None:
    """Use a nonce up; return the node it was given for, or None when it is not good (any more)."""
    found = await txn.value(
        """delete from enrolment_challenges
        where organization_id = %(organization_id)s and id = %(id)s and nonce_hash = %(nonce_hash)s
          and expires_at > now()
        returning node_id""",
        {"id": challenge_id, "nonce_hash": nonce_hash},
    )
    return found if isinstance(found, UUID) else None
