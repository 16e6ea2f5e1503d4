"""Routes of pipelines and their drafts."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.http.answers import (
    DOCUMENT_ERRORS,
    ENVIRONMENT,
    Pipeline,
    PipelineSummaryList,
    pipeline_of,
    pipeline_tag,
    summary_of,
)
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.types import PipelineListed
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access
from vectorflow_topology.document import Document

Folder = Annotated[
    str | None,
    QueryParameter(
        name="folder", max_length=100, description="Only what is in this folder or in one of its own."
    ),
]
Tags = Annotated[
    str | None,
    QueryParameter(name="tags", max_length=900, description="Only what has all these tags, by commas."),
]


class PipelineNew(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline to be made; without a document it starts empty."""

    name: str
    description: str = ""
    document: Document = msgspec.field(default_factory=Document)


class PipelineDraft(msgspec.Struct, forbid_unknown_fields=True):
    """What a pipeline's draft becomes."""

    name: str
    description: str
    document: Document


@get(
    ENVIRONMENT + "/pipelines",
    operation_id="listPipelines",
    summary="The environment's pipelines, by name",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
)
async def list_pipelines(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    folder: Folder = None,
    tags: Tags = None,
) -> PipelineSummaryList:
    """List pipelines."""
    del org, env
    key = decode_cursor(cursor, str, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await pipelines.pipelines(
            txn,
            access.environment_id,
            after=(key[0], key[1]) if key else None,
            limit=limit + 1,
            text=q,
            folder=folder,
            tags=[tag.strip() for tag in tags.split(",") if tag.strip()] if tags else (),
        )
    items, next_cursor = page(rows, limit, lambda listed: (listed.row.sort_name, str(listed.row.id)))
    return PipelineSummaryList([summary_of(listed) for listed in items], next_cursor)


@post(
    ENVIRONMENT + "/pipelines",
    operation_id="createPipeline",
    summary="Make a pipeline",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    exception_handlers=DOCUMENT_ERRORS,
)
async def create_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[PipelineNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    idempotency: NamedDependency[Idempotency],
) -> Response[Pipeline]:
    """Make a pipeline."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        draft = await pipelines.create(
            txn,
            actor,
            access.environment_id,
            name=data.name,
            description=data.description,
            document=data.document,
        )
        answer = pipeline_of(PipelineListed(draft.row, None), draft.document)
        headers = {"ETag": answer.etag}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@get(
    ENVIRONMENT + "/pipelines/{id:uuid}",
    operation_id="getPipeline",
    summary="A pipeline with its draft",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
)
async def get_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
) -> Response[Pipeline]:
    """Answer with one pipeline."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        draft = await pipelines.draft(txn, access.environment_id, id)
        answer = pipeline_of(await pipelines.listed(txn, draft.row), draft.document)
    return Response(answer, headers={"ETag": answer.etag})


@put(
    ENVIRONMENT + "/pipelines/{id:uuid}",
    operation_id="updatePipeline",
    summary="Save a pipeline's draft",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    exception_handlers=DOCUMENT_ERRORS,
)
async def update_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[PipelineDraft],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
) -> Response[Pipeline]:
    """Save a draft."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await pipelines.for_change(txn, access.environment_id, id)
        require_match(given, pipeline_tag(row))
        draft = await pipelines.update(
            txn, actor, row, name=data.name, description=data.description, document=data.document
        )
        answer = pipeline_of(await pipelines.listed(txn, draft.row), draft.document)
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    ENVIRONMENT + "/pipelines/{id:uuid}",
    operation_id="deletePipeline",
    summary="Delete a pipeline that runs nowhere",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
)
async def delete_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
) -> None:
    """Delete a pipeline; its revisions stay for the record."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await pipelines.for_change(txn, access.environment_id, id)
        require_match(given, pipeline_tag(row))
        await pipelines.delete(txn, actor, row)
