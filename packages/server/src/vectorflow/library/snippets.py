"""Snippets of VRL that an organisation keeps beside the built-in ones."""

from uuid import UUID

import psycopg

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.library import store
from vectorflow.library.errors import SnippetInvalid, SnippetNameTaken, SnippetNotFound, TooManySnippets
from vectorflow.library.types import MOST_SNIPPETS, NewSnippet, SnippetRow
from vectorflow.platform.database import Transaction
from vectorflow_engine.vrl.limits import MAX_SOURCE_BYTES

_MOST_NAME = 100
_MOST_SUMMARY = 500


class SnippetService:
    """Keeps, lists, changes and deletes an organisation's own snippets."""

    async def own(self, txn: Transaction) -> list[SnippetRow]:
        """Return the organisation's snippets, by name."""
        return await store.snippet_list(txn, limit=MOST_SNIPPETS)

    async def for_change(self, txn: Transaction, snippet_id: UUID) -> SnippetRow:
        """Return a snippet and hold it until the transaction ends. Raises `SnippetNotFound`."""
        row = await store.snippet_lock(txn, snippet_id)
        if row is None:
            raise SnippetNotFound
        return row

    async def keep(self, txn: Transaction, actor: Actor, new: NewSnippet) -> SnippetRow:
        """Keep a snippet. Raises `SnippetInvalid`, `SnippetNameTaken` or `TooManySnippets`."""
        _judge(new)
        if await store.snippet_count(txn) >= MOST_SNIPPETS:
            raise TooManySnippets
        row = await store.snippet_insert(txn, new_id(), new, actor.name)
        if row is None:
            raise SnippetNameTaken
        await _tell(txn, AuditAction.SNIPPET_CREATED, actor, row, after=row)
        return row

    async def update(self, txn: Transaction, actor: Actor, row: SnippetRow, new: NewSnippet) -> SnippetRow:
        """Change a snippet that `for_change` returned. Raises `SnippetInvalid` or `SnippetNameTaken`."""
        _judge(new)
        try:
            newer = await store.snippet_update(txn, row.id, new, actor.name)
        except psycopg.errors.UniqueViolation:
            raise SnippetNameTaken from None
        if newer is None:  # it is held
            raise SnippetNotFound
        await _tell(txn, AuditAction.SNIPPET_UPDATED, actor, newer, before=row, after=newer)
        return newer

    async def delete(self, txn: Transaction, actor: Actor, row: SnippetRow) -> None:
        """Delete a snippet that `for_change` returned."""
        await store.snippet_delete(txn, row.id)
        await _tell(txn, AuditAction.SNIPPET_DELETED, actor, row, before=row)


def _judge(new: NewSnippet) -> None:
    problems = _problems(new.name, new.summary, new.program)
    if problems:
        raise SnippetInvalid(errors=problems)


def _problems(name: str, summary: str, program: str) -> list[FieldError]:
    found = []
    if not 1 <= len(name.strip()) <= _MOST_NAME or not name.isprintable():
        found.append(FieldError("name", f"use 1 to {_MOST_NAME} printable characters"))
    if len(summary) > _MOST_SUMMARY or "\0" in summary:
        found.append(FieldError("summary", f"use at most {_MOST_SUMMARY} characters of text"))
    size = len(program.encode("utf-8", "replace"))
    if not program.strip() or size > MAX_SOURCE_BYTES or "\0" in program:
        found.append(FieldError("program", f"use 1 to {MAX_SOURCE_BYTES} bytes of text"))
    return found


async def _tell(
    txn: Transaction,
    action: AuditAction,
    actor: Actor,
    row: SnippetRow,
    *,
    before: SnippetRow | None = None,
    after: SnippetRow | None = None,
) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="snippet",
            object_id=str(row.id),
            summary=f"The snippet {row.name} was {action.rpartition('.')[2]}.",
            before=_audited(before),
            after=_audited(after),
        )
    )


def _audited(row: SnippetRow | None) -> dict[str, object] | None:
    return None if row is None else {"name": row.name, "summary": row.summary}
