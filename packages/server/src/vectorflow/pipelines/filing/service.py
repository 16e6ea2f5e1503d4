"""Rules of folders, tags and saved filters. Works in the caller's transaction."""

import re
from collections.abc import Sequence
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.pipelines.errors import FilingInvalid, FilterNotFound, PipelineNotFound
from vectorflow.pipelines.filing import store
from vectorflow.pipelines.filing.types import (
    MOST_AT_ONCE,
    MOST_FILTERS,
    MOST_TAGS,
    Filed,
    FiledCount,
    Filing,
    SavedFilter,
)
from vectorflow.platform.database import Transaction

_MOST_FOLDER = 100
_TAG = re.compile(r"[\w.:@+-][\w .:@+-]{0,38}[\w.:@+-]|[\w.:@+-]")


class FilingService:
    """Keeps pipelines in folders and under tags, and people's filters of the list."""

    async def file(
        self, txn: Transaction, environment_id: UUID, filing: Filing, actor: Actor
    ) -> Sequence[Filed]:
        """File several pipelines, all of them or none; return them as they were.

        Raises `FilingInvalid` or `PipelineNotFound`.
        """
        folder, add, remove = _filing_kept(filing)
        ids = list(dict.fromkeys(filing.pipelines))
        found = await store.filed_lock(txn, environment_id, ids)
        if len(found) != len(ids):
            raise PipelineNotFound
        for each in found:
            tags = tuple(sorted((set(each.tags) | add) - remove))
            if len(tags) > MOST_TAGS:
                error = FieldError("add_tags", f"{each.name} would have more than {MOST_TAGS} tags")
                raise FilingInvalid(errors=[error])
            kept = Filed(each.id, each.name, each.folder if folder is None else folder, tags)
            if (kept.folder, kept.tags) == (each.folder, each.tags):
                continue
            await store.filed_update(txn, each.id, kept.folder, kept.tags)
            await txn.audit(_entry(actor, each, kept))
        return found

    async def folders(self, txn: Transaction, environment_id: UUID) -> list[FiledCount]:
        """Return the environment's folders."""
        return await store.folder_counts(txn, environment_id)

    async def tags(self, txn: Transaction, environment_id: UUID) -> list[FiledCount]:
        """Return the environment's tags."""
        return await store.tag_counts(txn, environment_id)

    async def filters(self, txn: Transaction, environment_id: UUID, account_id: UUID) -> list[SavedFilter]:
        """Return the filters that a person has saved."""
        return await store.filter_list(txn, environment_id, account_id)

    async def save_filter(
        self, txn: Transaction, environment_id: UUID, account_id: UUID, *, name: str, search: str
    ) -> SavedFilter:
        """Save a filter over one of the same name. Raises `FilingInvalid`."""
        kept = name.strip()
        problems = []
        if not 1 <= len(kept) <= 60 or not kept.isprintable():
            problems.append(FieldError("name", "use 1 to 60 printable characters"))
        if not 1 <= len(search) <= 1000 or not search.isprintable():
            problems.append(FieldError("search", "send the search part of the list's address"))
        existing = await store.filter_list(txn, environment_id, account_id)
        if len(existing) >= MOST_FILTERS and kept not in {each.name for each in existing}:
            problems.append(FieldError("name", f"{MOST_FILTERS} filters are the most; delete one first"))
        if problems:
            raise FilingInvalid(errors=problems)
        return await store.filter_put(txn, environment_id, account_id, kept, search)

    async def delete_filter(
        self, txn: Transaction, environment_id: UUID, account_id: UUID, filter_id: UUID
    ) -> None:
        """Forget a filter of a person's own. Raises `FilterNotFound`."""
        if not await store.filter_delete(txn, environment_id, account_id, filter_id):
            raise FilterNotFound


def _filing_kept(filing: Filing) -> tuple[str | None, set[str], set[str]]:
    problems = []
    if not 1 <= len(filing.pipelines) <= MOST_AT_ONCE:
        problems.append(FieldError("pipelines", f"name 1 to {MOST_AT_ONCE} pipelines"))
    folder = folder_kept(filing.folder) if filing.folder is not None else None
    if folder is not None and (len(folder) > _MOST_FOLDER or not folder.isprintable()):
        problems.append(FieldError("folder", f"use at most {_MOST_FOLDER} printable characters"))
    sets = []
    for field, given in (("add_tags", filing.add_tags), ("remove_tags", filing.remove_tags)):
        kept = {each.strip() for each in given}
        if not all(_TAG.fullmatch(each) for each in kept):
            problems.append(FieldError(field, "a tag has 1 to 40 letters, digits, spaces or . : @ + - _"))
        sets.append(kept)
    if problems:
        raise FilingInvalid(errors=problems)
    return folder, sets[0], sets[1]


def folder_kept(folder: str) -> str:
    """Return a folder's path as it is stored: parts without blanks around them, no empty ones."""
    return "/".join(part for each in folder.split("/") if (part := each.strip()))


def _entry(actor: Actor, before: Filed, after: Filed) -> AuditEntry:
    return AuditEntry(
        action=AuditAction.PIPELINE_FILED,
        actor=actor,
        object_type="pipeline",
        object_id=str(after.id),
        summary=f"Pipeline {after.name} was filed.",
        before={"folder": before.folder, "tags": list(before.tags)},
        after={"folder": after.folder, "tags": list(after.tags)},
    )
