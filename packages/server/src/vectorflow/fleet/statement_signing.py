"""The signer's other work: statements that were asked for become envelopes. Runs with the database role signer."""

from datetime import datetime, timedelta
from uuid import UUID

from vectorflow.fleet import topics
from vectorflow.fleet.statement_types import DueStatement, SignedStatement
from vectorflow.fleet.store import statements as store
from vectorflow.kernel.clock import Clock
from vectorflow.keys.signing import SigningService
from vectorflow.platform.database import Database
from vectorflow_wire.envelope import Signer
from vectorflow_wire.statements import LONGEST_LIFE_MS, Statement, statement_signed

BATCH = 500
_LONGEST_LIFE = timedelta(milliseconds=LONGEST_LIFE_MS)


class StatementSigner:
    """Signs statements, an organisation at a time. Two signers at once store each envelope once."""

    def __init__(self, database: Database, signing: SigningService, clock: Clock) -> None:
        self._database = database
        self._signing = signing
        self._clock = clock

    async def sign(self, organization_id: UUID) -> int:
        """Sign every statement that waits; return how many were stored."""
        total = 0
        while True:
            async with self._database.transaction(organization_id) as txn:
                due = await store.statement_due_list(txn, BATCH)
                if not due:
                    return total
                online = await self._signing.signing_key(txn)
                now = self._clock.now()
                rows = [
                    _signed(organization_id, each, online.signer, online.keys_version, now) for each in due
                ]
                stored = set(await store.statement_signed(txn, rows))
                told = sorted({row.node_id for row in rows if row.id in stored})
                for start in range(0, len(told), topics.HINTS_PER_MESSAGE):
                    chunk = told[start : start + topics.HINTS_PER_MESSAGE]
                    await txn.notify(topics.STATEMENTS, {"node_ids": chunk})
            total += len(stored)
            if len(due) < BATCH:
                return total


def _signed(
    organization_id: UUID, due: DueStatement, signer: Signer, keys_version: int, now: datetime
) -> SignedStatement:
    until = min(due.expires_at, now + _LONGEST_LIFE)
    statement = Statement(
        organization=str(organization_id),
        node=str(due.node_id),
        id=str(due.id),
        kind=due.kind,
        issued_at=_milliseconds(now),
        expires_at=_milliseconds(until),
        keys_version=keys_version,
        arguments=due.arguments,
    )
    return SignedStatement(
        id=due.id,
        node_id=due.node_id,
        kind=due.kind,
        envelope=statement_signed(statement, signer).encoded(),
        signed_until=until,
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
