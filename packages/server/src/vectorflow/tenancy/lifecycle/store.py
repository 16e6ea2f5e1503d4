"""The SQL of an organisation's life."""

from datetime import datetime, timedelta
from uuid import UUID

from vectorflow.platform.database import Transaction
from vectorflow.tenancy.lifecycle.types import (
    DirectoryRow,
    Erasure,
    ExportRow,
    ExportState,
    OrganizationRow,
    ToSign,
)


async def organization_get(txn: Transaction) -> OrganizationRow | None:
    """Return the transaction's organisation."""
    return await txn.row(
        OrganizationRow,
        """select id, slug, name, created_at, suspended_at, suspended_reason, deletion_requested_at,
                  deletion_due_at
           from organizations where id = %(organization_id)s""",
    )


async def organization_state(txn: Transaction) -> DirectoryRow | None:
    """Return the transaction's organisation as far as operators may know it."""
    return await txn.row(
        DirectoryRow,
        """select id, slug, created_at, suspended_at, deletion_due_at from organizations
           where id = %(organization_id)s""",
    )


async def organization_rename(txn: Transaction, name: str) -> None:
    """Give the organisation another name."""
    await txn.execute(
        "update organizations set name = %(name)s where id = %(organization_id)s", {"name": name}
    )


async def organization_suspend(txn: Transaction, reason: str) -> bool:
    """Suspend the organisation (role operator); False when it is already."""
    return (
        await txn.execute(
            """update organizations set suspended_at = now(), suspended_reason = %(reason)s
               where id = %(organization_id)s and suspended_at is null""",
            {"reason": reason},
        )
        == 1
    )


async def organization_resume(txn: Transaction) -> bool:
    """End the suspension (role operator); False when there is none."""
    return (
        await txn.execute(
            """update organizations set suspended_at = null, suspended_reason = null
               where id = %(organization_id)s and suspended_at is not null"""
        )
        == 1
    )


async def deletion_request(txn: Transaction, by: UUID | None, grace: timedelta) -> bool:
    """Have the organisation erased after the grace; False when that was asked for already."""
    return (
        await txn.execute(
            """update organizations set deletion_requested_at = now(), deletion_requested_by = %(by)s,
                   deletion_due_at = now() + %(grace)s::interval
               where id = %(organization_id)s and deletion_due_at is null""",
            {"by": by, "grace": grace},
        )
        == 1
    )


async def deletion_cancel(txn: Transaction) -> bool:
    """Keep the organisation after all; False when nobody wanted it gone, or when its grace is over."""
    return (
        await txn.execute(
            """update organizations set deletion_requested_at = null, deletion_requested_by = null,
                   deletion_due_at = null
               where id = %(organization_id)s and deletion_due_at > now()"""
        )
        == 1
    )


async def backups_gone_at(txn: Transaction) -> datetime | None:
    """Return when the last backup there is expires."""
    found = await txn.value("select vf.backups_gone_at()")
    return found if isinstance(found, datetime) else None


async def organization_directory(txn: Transaction) -> list[DirectoryRow]:
    """Return every organisation by slug (role operator)."""
    return await txn.rows(
        DirectoryRow,
        "select id, slug, created_at, suspended_at, deletion_due_at from vf.organization_directory()",
    )


async def organizations_to_erase(txn: Transaction) -> list[UUID]:
    """Return the organisations whose grace is over (role worker)."""
    return await txn.rows_of_ids("select vf.organizations_to_erase() as id")


async def organization_erase(txn: Transaction, table: str, limit: int) -> int:
    """Delete up to so many of the organisation's rows in a table (role worker); return how many."""
    return int(
        await txn.value(
            "select vf.organization_erase(%(table)s, %(limit)s)", {"table": table, "limit": limit}
        )
    )


async def organization_erased(txn: Transaction, complete_at: datetime) -> None:
    """Delete the organisation itself and write down what stays (role worker)."""
    await txn.execute("select vf.organization_erased(%(complete_at)s)", {"complete_at": complete_at})


async def erasure_list(txn: Transaction) -> list[Erasure]:
    """Return what stays of every organisation that was erased (roles operator and worker)."""
    return await txn.rows(
        Erasure, "select organization, slug, requested_at, erased_at, complete_at from vf.erasures_list()"
    )


async def export_insert(txn: Transaction, export_id: UUID, by: UUID) -> None:
    """Ask for an export."""
    await txn.execute(
        """insert into organization_exports (organization_id, id, requested_by)
           values (%(organization_id)s, %(id)s, %(by)s)""",
        {"id": export_id, "by": by},
    )


async def export_list(txn: Transaction, limit: int) -> list[ExportRow]:
    """Return exports that have not expired, newest first."""
    return await txn.rows(
        ExportRow,
        """select id, state, requested_at, bytes, finished_at, expires_at from organization_exports
           where organization_id = %(organization_id)s and expires_at > now()
           order by requested_at desc, id desc limit %(limit)s""",
        {"limit": limit},
    )


async def export_get(txn: Transaction, export_id: UUID) -> ExportRow | None:
    """Return an export that has not expired."""
    return await txn.row(
        ExportRow,
        """select id, state, requested_at, bytes, finished_at, expires_at from organization_exports
           where organization_id = %(organization_id)s and id = %(id)s and expires_at > now()""",
        {"id": export_id},
    )


async def export_begin(txn: Transaction, export_id: UUID) -> bool:
    """Begin to make an export, from the beginning; False when it is finished already."""
    begun = await txn.execute(
        """update organization_exports set state = 'making', bytes = 0, manifest = null
           where organization_id = %(organization_id)s and id = %(id)s and state in ('waiting', 'making')""",
        {"id": export_id},
    )
    if begun:
        await txn.execute(
            """delete from organization_export_parts
               where organization_id = %(organization_id)s and export_id = %(id)s""",
            {"id": export_id},
        )
    return begun == 1


async def export_part_insert(txn: Transaction, export_id: UUID, number: int, content: bytes) -> None:
    """Add a part of the archive."""
    await txn.execute(
        """insert into organization_export_parts (organization_id, export_id, number, content)
           values (%(organization_id)s, %(export_id)s, %(number)s, %(content)s)""",
        {"export_id": export_id, "number": number, "content": content},
    )


async def export_made(txn: Transaction, export_id: UUID, manifest: bytes, size: int) -> None:
    """All files are there: the signer has the next word."""
    await txn.execute(
        """update organization_exports set state = 'signing', manifest = %(manifest)s, bytes = %(size)s
           where organization_id = %(organization_id)s and id = %(id)s and state = 'making'""",
        {"id": export_id, "manifest": manifest, "size": size},
    )


async def export_end(txn: Transaction, export_id: UUID, state: ExportState, size: int) -> None:
    """The export is ready, or failed."""
    await txn.execute(
        """update organization_exports set state = %(state)s, bytes = %(size)s, finished_at = now()
           where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": export_id, "state": state, "size": size},
    )


async def organizations_to_sign_exports(txn: Transaction) -> list[UUID]:
    """Return the organisations with an export to sign (role signer)."""
    return await txn.rows_of_ids("select vf.organizations_to_sign_exports() as id")


async def export_to_sign(txn: Transaction) -> list[ToSign]:
    """Return and lock the organisation's exports that wait for their signature (role signer)."""
    return await txn.rows(
        ToSign,
        """select e.id, e.manifest, e.bytes,
                  (select count(*) from organization_export_parts p
                   where p.organization_id = e.organization_id and p.export_id = e.id)::integer as next_part
           from organization_exports e
           where e.organization_id = %(organization_id)s and e.state = 'signing' for update skip locked""",
    )


async def export_part_get(txn: Transaction, export_id: UUID, number: int) -> bytes | None:
    """Return a part of the archive; None after the last."""
    found = await txn.value(
        """select content from organization_export_parts
           where organization_id = %(organization_id)s and export_id = %(export_id)s and number = %(number)s""",
        {"export_id": export_id, "number": number},
    )
    return None if found is None else bytes(found)


async def export_remove_expired(txn: Transaction) -> int:
    """Remove exports whose day is over."""
    return await txn.execute(
        "delete from organization_exports where organization_id = %(organization_id)s and expires_at <= now()"
    )
