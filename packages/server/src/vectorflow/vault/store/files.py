"""The SQL of lookup files and of contents by hash."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.platform.database import Transaction


class LookupFile(msgspec.Struct, frozen=True):
    """A lookup file with its newest version."""

    id: UUID
    name: str
    description: str
    version: int
    created_at: datetime
    updated_at: datetime
    sha256: bytes
    size: int
    format: str
    detail: str
    uploaded_by: str


class LookupVersion(msgspec.Struct, frozen=True):
    """One version of a lookup file."""

    version: int
    sha256: bytes
    size: int
    format: str
    detail: str
    created_at: datetime
    created_by: str


class LookupColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What a new version writes."""

    id: UUID
    sha256: bytes
    format: str
    detail: str


class FilePart(msgspec.Struct, frozen=True):
    """A piece of a content."""

    content: bytes


class FileHash(msgspec.Struct, frozen=True):
    """The digest of a named file's newest version."""

    name: str
    sha256: bytes


async def contents_lock(txn: Transaction) -> None:
    """Wait for uploads under way and keep new ones waiting, until the transaction ends."""
    await txn.execute(
        "select pg_advisory_xact_lock(hashtextextended('vault-contents:' || %(organization_id)s::text, 0))"
    )


async def contents_lock_shared(txn: Transaction) -> None:
    """Keep contents from being removed until the transaction ends."""
    await txn.execute(
        "select pg_advisory_xact_lock_shared(hashtextextended('vault-contents:' || %(organization_id)s::text, 0))"
    )


async def content_insert(txn: Transaction, sha256: bytes, size: int) -> bool:
    """Begin a content; False when it is there already."""
    return (
        await txn.execute(
            """insert into vault_files (organization_id, sha256, size)
            values (%(organization_id)s, %(sha256)s, %(size)s)
            on conflict (organization_id, sha256) do nothing""",
            {"sha256": sha256, "size": size},
        )
        == 1
    )


async def content_part_insert(txn: Transaction, sha256: bytes, position: int, content: bytes) -> None:
    """Store a piece of a content."""
    await txn.execute(
        """insert into vault_file_parts (organization_id, sha256, position, content)
        values (%(organization_id)s, %(sha256)s, %(position)s, %(content)b)""",
        {"sha256": sha256, "position": position, "content": content},
    )


async def content_part(txn: Transaction, sha256: bytes, position: int) -> bytes | None:
    """Return a piece of a content."""
    row = await txn.row(
        FilePart,
        """select content from vault_file_parts
        where organization_id = %(organization_id)s and sha256 = %(sha256)s and position = %(position)s""",
        {"sha256": sha256, "position": position},
    )
    return row.content if row else None


async def content_total(txn: Transaction) -> int:
    """Return how many bytes the organisation keeps."""
    return int(
        await txn.value(
            "select coalesce(sum(size), 0) from vault_files where organization_id = %(organization_id)s"
        )
        or 0
    )


async def lookup_file_list(
    txn: Transaction, environment_id: UUID, *, after: str | None, limit: int, text: str | None
) -> list[LookupFile]:
    """Return lookup files by name, from after the name given; `text` must stand in name or description."""
    return await txn.rows(
        LookupFile,
        """select f.id, f.name, f.description, f.version, f.created_at, f.updated_at, v.sha256, c.size, v.format,
            v.detail, v.created_by as uploaded_by
        from lookup_files f
        join lookup_file_versions v on v.organization_id = f.organization_id and v.file_id = f.id
            and v.version = f.version
        join vault_files c on c.organization_id = v.organization_id and c.sha256 = v.sha256
        where f.organization_id = %(organization_id)s and f.environment_id = %(environment_id)s
          and f.name > coalesce(%(after)s, '')
          and (%(text)s::text is null or strpos(lower(f.name), lower(%(text)s)) > 0
               or strpos(lower(f.description), lower(%(text)s)) > 0)
        order by f.name limit %(limit)s""",
        {"environment_id": environment_id, "after": after, "limit": limit, "text": text},
    )


_ONE = """select f.id, f.name, f.description, f.version, f.created_at, f.updated_at, v.sha256, c.size, v.format,
            v.detail, v.created_by as uploaded_by
        from lookup_files f
        join lookup_file_versions v on v.organization_id = f.organization_id and v.file_id = f.id
            and v.version = f.version
        join vault_files c on c.organization_id = v.organization_id and c.sha256 = v.sha256
        where f.organization_id = %(organization_id)s and f.environment_id = %(environment_id)s and f.id = %(id)s"""


async def lookup_file_get(txn: Transaction, environment_id: UUID, file_id: UUID) -> LookupFile | None:
    """Return a lookup file, whoever is changing it."""
    return await txn.row(LookupFile, _ONE, {"environment_id": environment_id, "id": file_id})


async def lookup_file_lock(txn: Transaction, environment_id: UUID, file_id: UUID) -> LookupFile | None:
    """Return a lookup file, holding its row until the transaction ends."""
    return await txn.row(
        LookupFile, _ONE + " for update of f", {"environment_id": environment_id, "id": file_id}
    )


async def lookup_file_hold(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> None:
    """Keep the lookup files of these names as they are until the transaction ends."""
    await txn.execute(
        """select 1 from lookup_files
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and name = any(%(names)s::text[])
        order by name for share""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def lookup_file_hashes(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[FileHash]:
    """Return the digests of files by name."""
    return await txn.rows(
        FileHash,
        """select f.name, v.sha256 from lookup_files f
        join lookup_file_versions v on v.organization_id = f.organization_id and v.file_id = f.id
            and v.version = f.version
        where f.organization_id = %(organization_id)s and f.environment_id = %(environment_id)s
          and f.name = any(%(names)s::text[])
        order by f.name""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def lookup_file_insert(
    txn: Transaction, environment_id: UUID, file_id: UUID, name: str, description: str
) -> bool:
    """Store a new lookup file without content; False when the name is taken."""
    return (
        await txn.execute(
            """insert into lookup_files (organization_id, id, environment_id, name, description, version)
            values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(description)s, 1)
            on conflict (organization_id, environment_id, name) do nothing""",
            {"id": file_id, "environment_id": environment_id, "name": name, "description": description},
        )
        == 1
    )


async def lookup_file_next_version(txn: Transaction, file_id: UUID) -> int:
    """Count a lookup file's version up."""
    return int(
        await txn.value(
            """update lookup_files set version = version + 1, updated_at = now()
            where organization_id = %(organization_id)s and id = %(id)s returning version""",
            {"id": file_id},
        )
    )


async def lookup_version_insert(
    txn: Transaction, file_id: UUID, version: int, columns: LookupColumns, actor: Actor
) -> None:
    """Store a version of a lookup file whose content is there."""
    await txn.execute(
        """insert into lookup_file_versions (organization_id, id, file_id, version, sha256, format, detail,
            created_by, created_by_id)
        values (%(organization_id)s, %(id)s, %(file_id)s, %(version)s, %(sha256)s, %(format)s, %(detail)s,
            %(actor)s, %(actor_id)s)""",
        {
            "file_id": file_id,
            "version": version,
            **msgspec.structs.asdict(columns),
            "actor": actor.name[:200],
            "actor_id": actor.account_id,
        },
    )


async def lookup_version_list(txn: Transaction, file_id: UUID, limit: int) -> list[LookupVersion]:
    """Return a lookup file's versions, newest first."""
    return await txn.rows(
        LookupVersion,
        """select v.version, v.sha256, c.size, v.format, v.detail, v.created_at, v.created_by
        from lookup_file_versions v
        join vault_files c on c.organization_id = v.organization_id and c.sha256 = v.sha256
        where v.organization_id = %(organization_id)s and v.file_id = %(file_id)s
        order by v.version desc limit %(limit)s""",
        {"file_id": file_id, "limit": limit},
    )


async def lookup_file_delete(txn: Transaction, file_id: UUID) -> None:
    """Remove a lookup file with its versions; contents stay while anything else names them."""
    await txn.execute(
        "delete from lookup_files where organization_id = %(organization_id)s and id = %(id)s",
        {"id": file_id},
    )


async def content_delete_unused(txn: Transaction, kept: Sequence[str]) -> int:
    """Remove contents that no version names, but for the digests (hex) that are kept for revisions."""
    return await txn.execute(
        """delete from vault_files c
        where c.organization_id = %(organization_id)s and c.created_at < now() - interval '1 hour'
          and encode(c.sha256, 'hex') <> all(%(kept)s::text[])
          and not exists (select 1 from lookup_file_versions v
            where v.organization_id = c.organization_id and v.sha256 = c.sha256)
          and not exists (select 1 from certificate_versions v
            where v.organization_id = c.organization_id and v.sha256 = c.sha256)""",
        {"kept": list(kept)},
    )
