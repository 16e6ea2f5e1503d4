"""Routes of an organisation as a whole: its name, its exports, its end."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Stream

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.lifecycle.service import LifecycleService
from vectorflow.tenancy.lifecycle.types import ExportRow, ExportState
from vectorflow.tenancy.types import Access

_SETTINGS = "/orgs/{org:str}/settings"
_EXPORTS = "/orgs/{org:str}/exports"
_DELETION = "/orgs/{org:str}/deletion"


class OrganizationSettings(msgspec.Struct):
    """An organisation as a whole. `grace_days` is how long a deletion could be cancelled."""

    id: UUID
    slug: str
    name: str
    created_at: datetime
    suspended_at: datetime | None
    suspended_reason: str | None
    deletion_requested_at: datetime | None
    deletion_due_at: datetime | None
    grace_days: int


class OrganizationChange(msgspec.Struct, forbid_unknown_fields=True):
    """What can be changed; the slug never does."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"\S")]


class DeletionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The organisation's slug, typed to confirm."""

    slug: Annotated[str, msgspec.Meta(max_length=40)]


class Export(msgspec.Struct):
    """An export; it can be fetched when it is ready, and is gone at `expires_at`."""

    id: UUID
    state: ExportState
    requested_at: datetime
    bytes: int
    finished_at: datetime | None
    expires_at: datetime


class ExportList(msgspec.Struct):
    """The newest exports."""

    items: list[Export]


@get(
    _SETTINGS,
    operation_id="getOrganizationSettings",
    summary="The organisation as a whole: name, suspension, deletion",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_READ,
)
async def get_settings(
    org: FromPath[str], access: NamedDependency[Access], organization_life: NamedDependency[LifecycleService]
) -> OrganizationSettings:
    """Answer with the organisation."""
    del org
    return await _settings(access, organization_life)


@put(
    _SETTINGS,
    operation_id="renameOrganization",
    summary="Give the organisation another name",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_MANAGE,
)
async def rename(
    org: FromPath[str],
    data: JSONBody[OrganizationChange],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    organization_life: NamedDependency[LifecycleService],
) -> OrganizationSettings:
    """Rename."""
    del org
    await organization_life.rename(access.organization_id, data.name.strip(), actor)
    return await _settings(access, organization_life)


@get(
    _EXPORTS,
    operation_id="listExports",
    summary="Exports of the organisation that are still there, newest first",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_EXPORT,
    while_frozen=True,
)
async def list_exports(
    org: FromPath[str], access: NamedDependency[Access], organization_life: NamedDependency[LifecycleService]
) -> ExportList:
    """List exports."""
    del org
    return ExportList([_export(each) for each in await organization_life.exports(access.organization_id)])


@post(
    _EXPORTS,
    operation_id="createExport",
    summary="Have everything the organisation owns put into one signed file, without secrets",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_EXPORT,
    status_code=202,
    while_frozen=True,
)
async def create_export(
    *,
    org: FromPath[str],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    organization_life: NamedDependency[LifecycleService],
    idempotency: NamedDependency[Idempotency],
) -> Export:
    """Ask for an export; the worker makes it."""
    del org
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = _export(await organization_life.export_request(txn, actor))
        await idempotency.finish(txn, 202, made)
    return made


@get(
    _EXPORTS + "/{id:uuid}/archive",
    operation_id="fetchExport",
    summary="The export's file, a compressed tar that `vectorflow org verify` checks",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_EXPORT,
    while_frozen=True,
    writes="the log tells who fetched it",
)
async def fetch_export(
    *,
    org: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    organization_life: NamedDependency[LifecycleService],
) -> Stream:
    """Stream the archive."""
    parts = await organization_life.export_fetch(access.organization_id, id, actor)
    return Stream(
        parts,
        media_type="application/gzip",
        headers={"content-disposition": f'attachment; filename="{org}-export.tar.gz"'},
    )


@post(
    _DELETION,
    operation_id="requestDeletion",
    summary="Have the organisation deleted when the grace is over; until then it can only be read",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_DELETE,
    status_code=200,
)
async def request_deletion(
    org: FromPath[str],
    data: JSONBody[DeletionRequest],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    organization_life: NamedDependency[LifecycleService],
) -> OrganizationSettings:
    """Ask for deletion."""
    del org
    await organization_life.delete(access.organization_id, data.slug, actor)
    return await _settings(access, organization_life)


@delete(
    _DELETION,
    operation_id="cancelDeletion",
    summary="Keep the organisation after all",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_DELETE,
    while_frozen=True,
)
async def cancel_deletion(
    org: FromPath[str],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    organization_life: NamedDependency[LifecycleService],
) -> None:
    """Cancel the deletion."""
    del org
    await organization_life.cancel_deletion(access.organization_id, actor)


async def _settings(access: Access, lifecycle: LifecycleService) -> OrganizationSettings:
    row = await lifecycle.organization(access.organization_id)
    return OrganizationSettings(**msgspec.structs.asdict(row), grace_days=lifecycle.grace.days)


def _export(row: ExportRow) -> Export:
    return Export(**msgspec.structs.asdict(row))


routes: list[Any] = [
    get_settings,
    rename,
    list_exports,
    create_export,
    fetch_export,
    request_deletion,
    cancel_deletion,
]
