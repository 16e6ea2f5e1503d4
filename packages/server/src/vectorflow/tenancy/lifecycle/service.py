"""The rules of an organisation's life. Suspending and resuming need a database of the role operator."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

from vectorflow.audit.service import append_platform
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.platform.database import Database, Transaction
from vectorflow.tenancy.errors import (
    DeletionStateError,
    ExportNotFoundError,
    ExportNotReadyError,
    OrganizationNotFoundError,
    SlugMismatchError,
)
from vectorflow.tenancy.lifecycle import store
from vectorflow.tenancy.lifecycle.types import (
    DirectoryRow,
    Erasure,
    ExportRow,
    ExportState,
    OrganizationRow,
)

EXPORT_TASK = "organization.export"
_SHOWN_EXPORTS = 20


class LifecycleService:
    """What happens to an organisation as a whole."""

    def __init__(self, database: Database, *, grace: timedelta = timedelta(days=30)) -> None:
        self._database = database
        self._grace = grace

    @property
    def grace(self) -> timedelta:
        """How long a deletion can be cancelled."""
        return self._grace

    async def organization(self, organization_id: UUID) -> OrganizationRow:
        """Return the organisation. Raises `OrganizationNotFoundError`."""
        async with self._database.transaction(organization_id) as txn:
            return await _known(txn)

    async def rename(self, organization_id: UUID, name: str, actor: Actor) -> OrganizationRow:
        """Give the organisation another name; its slug never changes."""
        async with self._database.transaction(organization_id) as txn:
            before = await _known(txn)
            await store.organization_rename(txn, name)
            entry = _entry(AuditAction.ORGANIZATION_RENAMED, before, actor, f"Renamed to {name}")
            await txn.audit(_with(entry, {"name": before.name}, {"name": name}))
            return await _known(txn)

    async def suspend(self, organization_id: UUID, reason: str, actor: Actor) -> bool:
        """Let people only read, from now on; agents go on. False when it is so already (role operator)."""
        async with self._database.transaction(organization_id) as txn:
            known = await _known_to_operators(txn)
            changed = await store.organization_suspend(txn, reason)
            if changed:
                entry = _entry(AuditAction.ORGANIZATION_SUSPENDED, known, actor, f"Suspended: {reason}")
                await _on_both_sides(txn, entry)
        return changed

    async def resume(self, organization_id: UUID, actor: Actor) -> bool:
        """End the suspension. False when there is none (role operator)."""
        async with self._database.transaction(organization_id) as txn:
            known = await _known_to_operators(txn)
            changed = await store.organization_resume(txn)
            if changed:
                entry = _entry(AuditAction.ORGANIZATION_RESUMED, known, actor, "The suspension ended")
                await _on_both_sides(txn, entry)
        return changed

    async def delete(
        self, organization_id: UUID, typed_slug: str, actor: Actor, *, grace: timedelta | None = None
    ) -> None:
        """Have the organisation erased when the grace is over. Raises `SlugMismatchError`, `DeletionStateError`."""
        async with self._database.transaction(organization_id) as txn:
            known = await _known_to_operators(txn)
            if typed_slug != known.slug:
                raise SlugMismatchError
            if not await store.deletion_request(txn, actor.account_id, grace or self._grace):
                raise DeletionStateError
            due = (await _known_to_operators(txn)).deletion_due_at
            entry = _entry(
                AuditAction.ORGANIZATION_DELETION_REQUESTED, known, actor, "Deletion was asked for"
            )
            await _on_both_sides(txn, _with(entry, None, {"deletion_due_at": due and due.isoformat()}))

    async def cancel_deletion(self, organization_id: UUID, actor: Actor) -> None:
        """Keep the organisation after all. Raises `DeletionStateError`."""
        async with self._database.transaction(organization_id) as txn:
            known = await _known_to_operators(txn)
            if not await store.deletion_cancel(txn):
                raise DeletionStateError
            entry = _entry(
                AuditAction.ORGANIZATION_DELETION_CANCELLED, known, actor, "Deletion was cancelled"
            )
            await _on_both_sides(txn, entry)

    async def directory(self) -> list[DirectoryRow]:
        """Return every organisation (role operator)."""
        async with self._database.unscoped() as txn:
            return await store.organization_directory(txn)

    async def erasures(self) -> list[Erasure]:
        """Return what stays of organisations that were erased (roles operator and worker)."""
        async with self._database.unscoped() as txn:
            return await store.erasure_list(txn)

    async def export_request(self, txn: Transaction, actor: Actor, *, now: bool = False) -> ExportRow:
        """Ask for an export; the worker makes it, unless whoever asks does so `now`."""
        if actor.account_id is None and not now:
            raise ExportNotFoundError
        export_id = new_id()
        await store.export_remove_expired(txn)
        await store.export_insert(txn, export_id, actor.account_id or txn.organization_id)
        known = await _known(txn)
        await txn.audit(_entry(AuditAction.ORGANIZATION_EXPORTED, known, actor, "An export was asked for"))
        if not now:
            await txn.defer(EXPORT_TASK, {"export_id": str(export_id)}, lock="export")
        made = await store.export_get(txn, export_id)
        if made is None:
            raise ExportNotFoundError
        return made

    async def exports(self, organization_id: UUID) -> list[ExportRow]:
        """Return the newest exports that are still there."""
        async with self._database.transaction(organization_id) as txn:
            return await store.export_list(txn, _SHOWN_EXPORTS)

    async def export_fetch(
        self, organization_id: UUID, export_id: UUID, actor: Actor
    ) -> AsyncIterator[bytes]:
        """Return the archive, part by part. Raises `ExportNotFoundError`, `ExportNotReadyError`."""
        async with self._database.transaction(organization_id) as txn:
            export = await store.export_get(txn, export_id)
            if export is None:
                raise ExportNotFoundError
            if export.state is not ExportState.READY:
                raise ExportNotReadyError
            known = await _known(txn)
            await txn.audit(
                _entry(AuditAction.ORGANIZATION_EXPORT_FETCHED, known, actor, "An export was fetched")
            )
        return self._parts(organization_id, export_id)

    async def _parts(self, organization_id: UUID, export_id: UUID) -> AsyncIterator[bytes]:
        number = 0
        while True:
            async with self._database.transaction(organization_id) as txn:
                content = await store.export_part_get(txn, export_id, number)
            if content is None:
                return
            yield content
            number += 1


async def _known(txn: Transaction) -> OrganizationRow:
    found = await store.organization_get(txn)
    if found is None:
        raise OrganizationNotFoundError
    return found


async def _known_to_operators(txn: Transaction) -> DirectoryRow:
    found = await store.organization_state(txn)
    if found is None:
        raise OrganizationNotFoundError
    return found


def _entry(
    action: AuditAction, known: OrganizationRow | DirectoryRow, actor: Actor, summary: str
) -> AuditEntry:
    return AuditEntry(
        action=action, actor=actor, object_type="organization", object_id=str(known.id), summary=summary
    )


def _with(entry: AuditEntry, before: dict[str, object] | None, after: dict[str, object]) -> AuditEntry:
    return AuditEntry(
        action=entry.action,
        actor=entry.actor,
        object_type=entry.object_type,
        object_id=entry.object_id,
        summary=entry.summary,
        before=before,
        after=after,
    )


async def _on_both_sides(txn: Transaction, entry: AuditEntry) -> None:
    """Write into the organisation's log and into the platform's."""
    await txn.audit(entry)
    await append_platform(txn, entry)
