"""Routes of revisions and differences."""

from typing import Annotated, Literal
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.http.answers import (
    ENVIRONMENT,
    Diff,
    RevisionDetail,
    RevisionList,
    detail_of,
    revision_of,
)
from vectorflow.pipelines.revisions import RevisionService
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.types import PipelineListed
from vectorflow.platform.database import Database
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.problems import InvalidRequestError
from vectorflow.tenancy.types import Access

_MOST_NUMBER = 2_147_483_647


@get(
    ENVIRONMENT + "/pipelines/{id:uuid}/revisions",
    operation_id="listRevisions",
    summary="A pipeline's revisions, newest first",
    tags=["pipelines"],
    permission=Permission.REVISION_READ,
)
async def list_revisions(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    revisions: NamedDependency[RevisionService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> RevisionList:
    """List revisions."""
    del org, env
    key = decode_cursor(cursor, int)
    before = min(key[0], _MOST_NUMBER) if key else None
    async with database.transaction(access.organization_id) as txn:
        row = await pipelines.pipeline(txn, access.environment_id, id)
        rows = await revisions.revisions(txn, row.id, before=before, limit=limit + 1, text=q)
    items, next_cursor = page(rows, limit, lambda revision: (revision.number,))
    return RevisionList([revision_of(each) for each in items], next_cursor)


@get(
    ENVIRONMENT + "/pipelines/{id:uuid}/revisions/{number:int}",
    operation_id="getRevision",
    summary="A revision with its compiled configuration",
    tags=["pipelines"],
    permission=Permission.REVISION_READ,
)
async def get_revision(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    number: FromPath[int],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    revisions: NamedDependency[RevisionService],
) -> RevisionDetail:
    """Answer with one revision."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        row = await pipelines.pipeline(txn, access.environment_id, id)
        return detail_of(await revisions.stored(txn, row.id, _bounded(number)))


@get(
    ENVIRONMENT + "/pipelines/{id:uuid}/diff",
    operation_id="getDiff",
    summary="What differs between two states of a pipeline",
    tags=["pipelines"],
    permission=Permission.REVISION_READ,
)
async def get_diff(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    revisions: NamedDependency[RevisionService],
    since: Annotated[
        str, QueryParameter(name="from", description="A revision's number, or `deployed`.")
    ] = "deployed",
    to: Annotated[str, QueryParameter(name="to", description="A revision's number, or `draft`.")] = "draft",
) -> Diff:
    """Compare two states."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        row = await pipelines.pipeline(txn, access.environment_id, id)
        old = _deployed(await pipelines.listed(txn, row)) if since == "deployed" else _number("from", since)
        new: int | Literal["draft"] = "draft" if to == "draft" else _number("to", to)
        difference = await revisions.difference(txn, row, old, new)
    return Diff(from_=old, to=new, text=difference.text, changes=difference.changes)


def _deployed(listed: PipelineListed) -> int | None:
    return listed.deployed.revision if listed.deployed else None


def _number(field: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        word = "deployed" if field == "from" else "draft"
        raise InvalidRequestError(errors=[FieldError(field, f"give a revision's number, or {word}")])
    return _bounded(int(text))


def _bounded(number: int) -> int:
    return min(
        max(number, 0), _MOST_NUMBER
    )  # what PostgreSQL's integer holds; there is no such revision anyway
