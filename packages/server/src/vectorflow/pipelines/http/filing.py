"""Routes of folders, tags and saved filters."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.filing.service import FilingService
from vectorflow.pipelines.filing.types import MOST_AT_ONCE, FiledCount, Filing, SavedFilter
from vectorflow.pipelines.http.answers import ENVIRONMENT
from vectorflow.platform.database import Database
from vectorflow.tenancy.types import Access


class PipelineFiling(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of several pipelines. A folder left out stays as it is; an empty one is none."""

    pipelines: Annotated[list[UUID], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)]
    folder: str | None = None
    add_tags: list[str] = msgspec.field(default_factory=list)
    remove_tags: list[str] = msgspec.field(default_factory=list)


class PipelineFolders(msgspec.Struct):
    """The folders and tags that there are."""

    folders: list[FiledCount]
    tags: list[FiledCount]


class FilterNew(msgspec.Struct, forbid_unknown_fields=True):
    """A filter to be saved: the search part of the list's address."""

    name: str
    search: str


class SavedFilterList(msgspec.Struct):
    """A person's own filters, by name."""

    items: list[SavedFilter]


@get(
    ENVIRONMENT + "/pipeline-folders",
    operation_id="listPipelineFolders",
    summary="The folders and tags of the environment's pipelines",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
)
async def list_pipeline_folders(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    filing: NamedDependency[FilingService],
) -> PipelineFolders:
    """List folders and tags."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return PipelineFolders(
            await filing.folders(txn, access.environment_id), await filing.tags(txn, access.environment_id)
        )


@post(
    ENVIRONMENT + "/pipeline-filings",
    operation_id="filePipelines",
    summary="Put several pipelines into a folder and under tags",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=204,
)
async def file_pipelines(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[PipelineFiling],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    filing: NamedDependency[FilingService],
) -> None:
    """File them all, or none; saying it twice changes nothing more."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await filing.file(
            txn,
            access.environment_id,
            Filing(
                pipelines=data.pipelines,
                folder=data.folder,
                add_tags=data.add_tags,
                remove_tags=data.remove_tags,
            ),
            actor,
        )


@get(
    ENVIRONMENT + "/pipeline-filters",
    operation_id="listPipelineFilters",
    summary="The filters of the list of pipelines that you have saved",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
)
async def list_pipeline_filters(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    filing: NamedDependency[FilingService],
) -> SavedFilterList:
    """List one's own filters."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return SavedFilterList(await filing.filters(txn, access.environment_id, access.account_id))


@post(
    ENVIRONMENT + "/pipeline-filters",
    operation_id="savePipelineFilter",
    summary="Save a filter of the list of pipelines, over one of the same name",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
    status_code=200,
)
async def save_pipeline_filter(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[FilterNew],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    filing: NamedDependency[FilingService],
) -> SavedFilter:
    """Save a filter of one's own; saying it twice changes nothing more."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return await filing.save_filter(
            txn, access.environment_id, access.account_id, name=data.name, search=data.search
        )


@delete(
    ENVIRONMENT + "/pipeline-filters/{id:uuid}",
    operation_id="deletePipelineFilter",
    summary="Forget a filter that you have saved",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
)
async def delete_pipeline_filter(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    filing: NamedDependency[FilingService],
) -> None:
    """Forget a filter of one's own."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await filing.delete_filter(txn, access.environment_id, access.account_id, id)


routes = [
    list_pipeline_folders,
    file_pipelines,
    list_pipeline_filters,
    save_pipeline_filter,
    delete_pipeline_filter,
]
