"""Captures: events that somebody decided to keep, sealed and for a time."""

from datetime import timedelta
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Transaction
from vectorflow.telemetry.taps.columns import content_cell
from vectorflow.telemetry.taps.errors import CaptureInvalid, CaptureNotFound, TooManyCaptures
from vectorflow.telemetry.taps.service import TapService
from vectorflow.telemetry.taps.store import captures as store
from vectorflow.telemetry.taps.types import (
    MOST_CAPTURE_BYTES,
    MOST_CAPTURES,
    Capture,
    CaptureContent,
    CapturedEvent,
    CaptureNew,
    CaptureRow,
)


class CaptureService:
    """Saves, lists, opens and erases captures. Works in the caller's transaction."""

    def __init__(self, keys: KeyService, taps: TapService, clock: Clock) -> None:
        self._keys = keys
        self._taps = taps
        self._clock = clock

    async def save(
        self, txn: Transaction, environment_id: UUID, wish: CaptureNew, account_id: UUID, actor: Actor
    ) -> Capture:
        """Keep events of one's own tap.

        Raises `TapNotFound`, `CaptureInvalid`, `TooManyCaptures`, `KeysUnavailable`.
        """
        tap = await self._taps.own(txn, environment_id, wish.tap_id, account_id)
        if not wish.name.strip() or not wish.name.isprintable():
            raise CaptureInvalid(errors=[FieldError("name", "use 1 to 100 printable characters")])
        content = msgspec.json.encode(wish.events)
        if len(content) > MOST_CAPTURE_BYTES:
            message = f"together they are at most {MOST_CAPTURE_BYTES} bytes long"
            raise CaptureInvalid(errors=[FieldError("events", message)])
        if await store.capture_count(txn, environment_id) >= MOST_CAPTURES:
            raise TooManyCaptures
        now, capture_id = self._clock.now(), new_id()
        row = CaptureRow(
            id=capture_id,
            environment_id=environment_id,
            pipeline_id=tap.pipeline_id,
            component=tap.component,
            port=tap.port,
            name=wish.name.strip(),
            reason=tap.reason,
            events=len(wish.events),
            created_at=now,
            created_by=actor.name[:200],
            expires_at=now + timedelta(days=wish.days),
            content=await self._keys.seal(txn, content_cell(capture_id), content),
        )
        await store.capture_insert(txn, row)
        await _tell(txn, AuditAction.CAPTURE_SAVED, actor, row, f"Saved {row.events} events as {row.name}")
        return _capture(row)

    async def captures(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        pipeline_id: UUID | None,
        after: UUID | None,
        limit: int,
    ) -> list[Capture]:
        """Return captures, newest first."""
        rows = await store.capture_list(
            txn, environment_id, pipeline_id=pipeline_id, after=after, limit=limit
        )
        return [_capture(row) for row in rows]

    async def open(
        self, txn: Transaction, environment_id: UUID, capture_id: UUID, actor: Actor
    ) -> CaptureContent:
        """Return a capture with its events; the log tells who looked. Raises `CaptureNotFound`, `KeysUnavailable`."""
        await self._keys.hold(txn)
        row = await store.capture_get(txn, environment_id, capture_id)
        if row is None:
            raise CaptureNotFound
        content = await self._keys.unseal(txn, content_cell(row.id), row.content)
        await _tell(txn, AuditAction.CAPTURE_READ, actor, row, f"Read the capture {row.name}")
        return CaptureContent(_capture(row), msgspec.json.decode(content, type=list[CapturedEvent]))

    async def erase(self, txn: Transaction, environment_id: UUID, capture_id: UUID, actor: Actor) -> None:
        """Erase a capture. Raises `CaptureNotFound`."""
        row = await store.capture_get(txn, environment_id, capture_id)
        if row is None or not await store.capture_delete(txn, capture_id):
            raise CaptureNotFound
        await _tell(txn, AuditAction.CAPTURE_ERASED, actor, row, f"Erased the capture {row.name}")


async def _tell(txn: Transaction, action: AuditAction, actor: Actor, row: CaptureRow, summary: str) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="capture",
            object_id=str(row.id),
            summary=summary,
            after={
                "name": row.name,
                "reason": row.reason,
                "events": row.events,
                "component": row.component,
                "pipeline_id": str(row.pipeline_id),
                "expires_at": rfc3339(row.expires_at),
            },
        )
    )


def _capture(row: CaptureRow) -> Capture:
    return Capture(
        id=row.id,
        pipeline_id=row.pipeline_id,
        component=row.component,
        port=row.port,
        name=row.name,
        reason=row.reason,
        events=row.events,
        created_at=rfc3339(row.created_at),
        created_by=row.created_by,
        expires_at=rfc3339(row.expires_at),
    )
