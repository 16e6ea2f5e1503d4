"""Routes of lookup files: uploaded and downloaded in a stream."""

from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault.errors import LookupFileNotFound
from vectorflow.vault.http.common import ENVIRONMENT
from vectorflow.vault.service import VaultService
from vectorflow.vault.store.files import LookupFile as FileRow
from vectorflow.vault.types import NAME_PATTERN, SecretUse

_PATH = ENVIRONMENT + "/lookup-files"
_MOST_BODY = 2**30  # the service counts what comes and refuses what is over this installation's own limit


class LookupFile(msgspec.Struct):
    """A lookup file with its newest version. `detail` says what the content looks like."""

    id: UUID
    name: str
    description: str
    version: int
    sha256: str
    size: int
    format: str
    detail: str
    created_at: Instant
    updated_at: Instant
    uploaded_by: str
    used_by: list[SecretUse]
    etag: str


class LookupFileList(msgspec.Struct):
    """A page of lookup files, by name. `most_bytes` is the largest file that is taken."""

    items: list[LookupFile]
    next_cursor: str | None
    most_bytes: int


class LookupFileVersion(msgspec.Struct):
    """One version of a lookup file."""

    version: int
    sha256: str
    size: int
    format: str
    detail: str
    created_at: Instant
    created_by: str


class LookupFileVersionList(msgspec.Struct):
    """The versions of a lookup file, newest first; the last hundred."""

    items: list[LookupFileVersion]


@get(
    _PATH,
    operation_id="listLookupFiles",
    summary="The environment's lookup files, by name",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_READ,
)
async def list_lookup_files(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> LookupFileList:
    """List lookup files."""
    del org, env
    key = decode_cursor(cursor, str)
    environment_id = access.environment_id
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.lookup_files.files(
            txn, environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
        used = await vault.used_by(txn, environment_id, "file", [row.name for row in rows])
    items, next_cursor = page(rows, limit, lambda row: (row.name,))
    found = [_file(row, used[row.name]) for row in items]
    return LookupFileList(found, next_cursor, vault.lookup_files.most_bytes)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getLookupFile",
    summary="One lookup file, without its content",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_READ,
)
async def get_lookup_file(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[LookupFile]:
    """Return what is known of a lookup file."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        answer = await _answered(
            txn, vault, access.environment_id, await vault.lookup_files.file(txn, access.environment_id, id)
        )
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH,
    operation_id="createLookupFile",
    summary="Upload a lookup file; the body is its content",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_WRITE,
    request_max_body_size=_MOST_BODY,
)
async def create_lookup_file(
    *,
    org: FromPath[str],
    env: FromPath[str],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    name: Annotated[
        str, QueryParameter(description=f"What documents refer to as FILE[name]: {NAME_PATTERN}")
    ],
    description: Annotated[str, QueryParameter(description="What people should know about it.")] = "",
) -> Response[LookupFile]:
    """Take a file in."""
    del org, env
    async with vault.lookup_files.upload() as upload:
        await upload.take(request.stream())
        async with database.transaction(access.organization_id) as txn:
            made = await vault.lookup_files.create(
                txn, actor, access.environment_id, name=name, description=description, upload=upload
            )
            answer = await _answered(txn, vault, access.environment_id, made)
    return Response(answer, status_code=201, headers={"ETag": answer.etag})


@put(
    _PATH + "/{id:uuid}/content",
    operation_id="renewLookupFile",
    summary="Upload a lookup file's next version; the body is its content",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_WRITE,
    request_max_body_size=_MOST_BODY,
)
async def renew_lookup_file(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[LookupFile]:
    """Take a newer version in; what uses it takes it with its next revision."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with vault.lookup_files.upload() as upload:
        await upload.take(request.stream())
        async with database.transaction(access.organization_id) as txn:
            held = await vault.lookup_files.for_change(txn, environment_id, id)
            require_match(given, _tag(held))
            newer = await vault.lookup_files.renew(txn, actor, environment_id, held, upload)
            answer = await _answered(txn, vault, environment_id, newer)
    return Response(answer, headers={"ETag": answer.etag})


@get(
    _PATH + "/{id:uuid}/content",
    operation_id="downloadLookupFile",
    summary="The content of a lookup file's newest version, or of another one",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_READ,
)
async def download_lookup_file(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    version: Annotated[
        int | None, QueryParameter(description="A version's number; without it the newest.")
    ] = None,
) -> Stream:
    """Stream a content."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        held = await vault.lookup_files.file(txn, access.environment_id, id)
        versions = await vault.lookup_files.versions(txn, access.environment_id, id)
    found = next((each for each in versions if each.version == (version or held.version)), None)
    if found is None:
        raise LookupFileNotFound
    headers = {
        "Content-Length": str(found.size),
        # Never shown by the browser: it is somebody's content.
        "Content-Disposition": f'attachment; filename="{held.name}.{_ENDS.get(found.format, "bin")}"',
        "Cache-Control": "no-store",
    }
    content = _content(database, vault, access.organization_id, found.sha256)
    return Stream(content, media_type="application/octet-stream", headers=headers)


@get(
    _PATH + "/{id:uuid}/versions",
    operation_id="listLookupFileVersions",
    summary="A lookup file's versions",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_READ,
)
async def list_lookup_file_versions(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> LookupFileVersionList:
    """List versions."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.lookup_files.versions(txn, access.environment_id, id)
    return LookupFileVersionList(
        [
            LookupFileVersion(
                version=row.version,
                sha256=row.sha256.hex(),
                size=row.size,
                format=row.format,
                detail=row.detail,
                created_at=rfc3339(row.created_at),
                created_by=row.created_by,
            )
            for row in rows
        ]
    )


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteLookupFile",
    summary="Delete a lookup file that nothing uses",
    tags=["lookup files"],
    permission=Permission.LOOKUP_FILE_WRITE,
)
async def delete_lookup_file(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> None:
    """Delete a lookup file."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        held = await vault.lookup_files.for_change(txn, environment_id, id)
        require_match(given, _tag(held))
        await vault.lookup_files.delete(txn, actor, environment_id, held)


async def _content(
    database: Database, vault: VaultService, organization_id: UUID, sha256: bytes
) -> AsyncIterator[bytes]:
    """Yield a content, each piece in a transaction of its own: a slow reader must not hold a connection."""
    position = 0
    while True:
        async with database.transaction(organization_id) as txn:
            part = await vault.lookup_files.part(txn, sha256, position)
        if part is None:
            return
        yield part
        position += 1


async def _answered(txn: Transaction, vault: VaultService, environment_id: UUID, row: FileRow) -> LookupFile:
    used = await vault.used_by(txn, environment_id, "file", [row.name])
    return _file(row, used[row.name])


_ENDS = {"csv": "csv", "mmdb": "mmdb"}


def _tag(row: FileRow) -> str:
    return etag("lookup-file", row.id, row.version)


def _file(row: FileRow, used_by: list[SecretUse]) -> LookupFile:
    return LookupFile(
        id=row.id,
        name=row.name,
        description=row.description,
        version=row.version,
        sha256=row.sha256.hex(),
        size=row.size,
        format=row.format,
        detail=row.detail,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        uploaded_by=row.uploaded_by,
        used_by=used_by,
        etag=_tag(row),
    )


routes = [
    list_lookup_files,
    get_lookup_file,
    create_lookup_file,
    renew_lookup_file,
    download_lookup_file,
    list_lookup_file_versions,
    delete_lookup_file,
]
