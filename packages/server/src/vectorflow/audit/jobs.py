"""Background work of the room: signing checkpoints of every chain that has grown."""

import asyncio
from uuid import UUID

import structlog

from vectorflow.audit import store
from vectorflow.audit.checkpoints import CheckpointKey
from vectorflow.kernel.clock import Clock
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import Jobs, each_organization

log = structlog.get_logger()

CHECKPOINTS = "audit.checkpoints"


def register(jobs: Jobs, database: Database, key: CheckpointKey, clock: Clock) -> None:
    """Register the room's task; `database` is of the role worker where it runs."""

    async def checkpoints() -> None:
        await sign_checkpoints(database, key, clock)

    jobs.periodic(
        CHECKPOINTS,
        checkpoints,
        cron="* * * * * */30",
        help="Signs the newest record of every log that has grown, so that it cannot be rewritten unseen.",
    )


async def sign_checkpoints(database: Database, key: CheckpointKey, clock: Clock) -> int:
    """Sign what has grown; return how many checkpoints were made. One chain's trouble does not stop the others."""
    await asyncio.to_thread(key.public)
    signed = int(await _sign_platform(database, key, clock))
    for organization_id in await each_organization(database):
        try:
            signed += await _sign(database, organization_id, key, clock)
        except Exception as error:
            log.warning("audit.not-signed", organization_id=str(organization_id), error=type(error).__name__)
    return signed


async def _sign(database: Database, organization_id: UUID, key: CheckpointKey, clock: Clock) -> bool:
    async with database.transaction(organization_id) as txn:
        head = await store.audit_head_unsigned(txn)
        if head is None:
            return False
        checkpoint = await asyncio.to_thread(key.sign, organization_id, head, clock.now())
        await store.audit_checkpoint_insert(txn, checkpoint)
    return True


async def _sign_platform(database: Database, key: CheckpointKey, clock: Clock) -> bool:
    async with database.unscoped() as txn:
        head = await store.platform_audit_head(txn)
        if head.sequence == 0 or await store.platform_audit_checkpoint_range(
            txn, after=head.sequence - 1, limit=1
        ):
            return False
        checkpoint = await asyncio.to_thread(key.sign, None, head, clock.now())
        await store.platform_audit_checkpoint_insert(txn, checkpoint)
    return True
