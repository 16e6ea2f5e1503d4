"""The SQL of statements. The app role asks and takes answers; only the role signer writes envelopes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from psycopg.types.json import Jsonb

from vectorflow.fleet.statement_types import DueStatement, SignedStatement, StatementAnswer, StatementRow
from vectorflow.platform.database import Transaction

_STATEMENT: Final[LiteralString] = """
    select s.id, s.node_id, s.kind, s.arguments, s.created_at, s.created_by, s.expires_at, s.answered_at, s.reason,
        s.message, case when s.state in ('requested', 'signed') and s.expires_at < now() then 'expired'
                        else s.state end as state
    from statements s
    where s.organization_id = %(organization_id)s
"""


async def statement_insert(
    txn: Transaction,
    *,
    statement_id: UUID,
    node_id: UUID,
    kind: str,
    arguments: dict[str, Any],
    created_by: str,
    expires_at: datetime,
) -> None:
    """Store what a node shall be told; the signer looks for it."""
    await txn.execute(
        """insert into statements (organization_id, id, node_id, kind, arguments, created_by, expires_at)
        values (%(organization_id)s, %(id)s, %(node_id)s, %(kind)s, %(arguments)s, %(created_by)s, %(expires_at)s)""",
        {
            "id": statement_id,
            "node_id": node_id,
            "kind": kind,
            "arguments": Jsonb(arguments),
            "created_by": created_by,
            "expires_at": expires_at,
        },
    )


async def statement_get(txn: Transaction, node_id: UUID, statement_id: UUID) -> StatementRow | None:
    """Return one statement of a node."""
    return await txn.row(
        StatementRow,
        _STATEMENT + " and s.node_id = %(node_id)s and s.id = %(id)s",
        {"node_id": node_id, "id": statement_id},
    )


async def statement_list(
    txn: Transaction, node_id: UUID, *, after: UUID | None, limit: int
) -> list[StatementRow]:
    """Return a node's statements, newest first."""
    return await txn.rows(
        StatementRow,
        _STATEMENT
        + """ and s.node_id = %(node_id)s and (%(after)s::uuid is null or s.id < %(after)s)
        order by s.id desc limit %(limit)s""",
        {"node_id": node_id, "after": after, "limit": limit},
    )


async def statement_open_count(txn: Transaction, node_id: UUID) -> int:
    """Return how many statements of a node wait for an answer."""
    found = await txn.value(
        """select count(*) from statements where organization_id = %(organization_id)s and node_id = %(node_id)s
          and state in ('requested', 'signed') and expires_at > now()""",
        {"node_id": node_id},
    )
    return int(found)


async def statement_cancel(txn: Transaction, node_id: UUID, kind: str) -> list[UUID]:
    """Withdraw a node's unanswered statements of a kind; return their ids."""
    return await txn.rows_of_ids(
        """update statements set state = 'cancelled', answered_at = now()
        where organization_id = %(organization_id)s and node_id = %(node_id)s and kind = %(kind)s
          and state in ('requested', 'signed')
        returning id""",
        {"node_id": node_id, "kind": kind},
    )


async def statement_answer(txn: Transaction, answers: Sequence[StatementAnswer]) -> list[UUID]:
    """Write down what nodes answered, the first answer of each; return the ids that it was news for."""
    return await txn.rows_of_ids(
        """update statements s set state = u.state, answered_at = now(), reason = u.reason, message = u.message
        from unnest(%(ids)s::uuid[], %(nodes)s::uuid[], %(states)s::text[], %(reasons)s::text[],
            %(messages)s::text[]) as u (id, node_id, state, reason, message)
        where s.organization_id = %(organization_id)s and s.id = u.id and s.node_id = u.node_id
          and s.state in ('requested', 'signed')
        returning s.id""",
        {
            "ids": [each.id for each in answers],
            "nodes": [each.node_id for each in answers],
            "states": ["done" if each.done else "refused" for each in answers],
            "reasons": [each.reason for each in answers],
            "messages": [each.message for each in answers],
        },
    )


async def statement_due_list(txn: Transaction, limit: int) -> list[DueStatement]:
    """Return statements that wait for a signature, and those whose envelope ran out before what they ask for.

    An envelope is renewed only once nobody can believe the old one any more, so that no two are good at once.
    """
    return await txn.rows(
        DueStatement,
        """select s.id, s.node_id, s.kind, s.arguments, s.expires_at from statements s
        join nodes n on n.organization_id = s.organization_id and n.id = s.node_id and n.revoked_at is null
        where s.organization_id = %(organization_id)s and s.expires_at > now()
          and (s.state = 'requested' or s.state = 'signed' and s.signed_until < now() - interval '5 minutes')
        order by s.id limit %(limit)s""",
        {"limit": limit},
    )


async def statement_signed(txn: Transaction, rows: Sequence[SignedStatement]) -> list[UUID]:
    """Store envelopes of statements that still wait (role signer); return their ids."""
    return await txn.rows_of_ids(
        """update statements s set state = 'signed', envelope = u.envelope, signed_until = u.signed_until
        from unnest(%(ids)s::uuid[], %(envelopes)s::bytea[], %(until)s::timestamptz[])
            as u (id, envelope, signed_until)
        where s.organization_id = %(organization_id)s and s.id = u.id
          and (s.state = 'requested' or s.state = 'signed' and s.signed_until < now())
        returning s.id""",
        {
            "ids": [each.id for each in rows],
            "envelopes": [each.envelope for each in rows],
            "until": [each.signed_until for each in rows],
        },
    )


async def statement_to_tell(txn: Transaction, node_ids: Sequence[UUID]) -> list[SignedStatement]:
    """Return the signed statements that nodes have not answered, oldest first."""
    return await txn.rows(
        SignedStatement,
        """select id, node_id, kind, envelope, signed_until from statements
        where organization_id = %(organization_id)s and node_id = any(%(node_ids)s) and state = 'signed'
          and signed_until > now()
        order by id""",
        {"node_ids": list(node_ids)},
    )
