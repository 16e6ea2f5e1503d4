"""Routes of snippets: pieces of VRL to put into a program."""

import functools
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.library.snippets import SnippetService
from vectorflow.library.types import NewSnippet, SnippetRow
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow_engine.vrl.snippets import snippets

_PATH = "/orgs/{org:str}/environments/{env:str}/snippets"


class Snippet(msgspec.Struct):
    """A piece of VRL. Built-in ones show an event before and after; own ones say who kept them,
    and have the `etag` that changing and deleting them asks for."""

    id: str
    title: str
    summary: str
    category: str
    program: str
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    updated_by: str | None = None
    etag: str | None = None


class SnippetList(msgspec.Struct):
    """The organisation's own snippets by name, then the built-in ones by category."""

    items: list[Snippet]


class SnippetInput(msgspec.Struct, forbid_unknown_fields=True):
    """A snippet as it is to be kept."""

    name: str
    program: str
    summary: str = ""


@get(
    _PATH,
    operation_id="listSnippets",
    summary="Pieces of VRL to put into programs",
    tags=["library"],
    permission=Permission.PIPELINE_READ,
)
async def list_snippets(
    *,
    org: FromPath[str],
    env: FromPath[str],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    snippets_kept: NamedDependency[SnippetService],
) -> SnippetList:
    """List snippets."""
    del org, env
    async with database.transaction(organization_id) as txn:
        rows = await snippets_kept.own(txn)
    return SnippetList([*map(_own, rows), *_built_in()])


@post(
    _PATH,
    operation_id="createSnippet",
    summary="Keep a piece of VRL",
    tags=["library"],
    permission=Permission.LIBRARY_EDIT,
)
async def create_snippet(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[SnippetInput],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    snippets_kept: NamedDependency[SnippetService],
    idempotency: NamedDependency[Idempotency],
) -> Response[Snippet]:
    """Keep a snippet."""
    del org, env
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        row = await snippets_kept.keep(txn, actor, _new(data))
        answer, headers = _own(row), {"ETag": _tag(row)}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@put(
    _PATH + "/{id:uuid}",
    operation_id="updateSnippet",
    summary="Change a piece of VRL of the organisation",
    tags=["library"],
    permission=Permission.LIBRARY_EDIT,
)
async def update_snippet(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[SnippetInput],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    snippets_kept: NamedDependency[SnippetService],
) -> Response[Snippet]:
    """Change a snippet; programs that hold it stay as they are."""
    del org, env
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await snippets_kept.for_change(txn, id)
        require_match(given, _tag(row))
        newer = await snippets_kept.update(txn, actor, row, _new(data))
    return Response(_own(newer), headers={"ETag": _tag(newer)})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteSnippet",
    summary="Delete a piece of VRL of the organisation",
    tags=["library"],
    permission=Permission.LIBRARY_EDIT,
)
async def delete_snippet(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    snippets_kept: NamedDependency[SnippetService],
) -> None:
    """Delete a snippet; programs that hold it stay as they are."""
    del org, env
    given = if_match(request)
    async with database.transaction(organization_id) as txn:
        row = await snippets_kept.for_change(txn, id)
        require_match(given, _tag(row))
        await snippets_kept.delete(txn, actor, row)


@functools.cache
def _built_in() -> tuple[Snippet, ...]:
    return tuple(
        Snippet(
            id=each.id,
            title=each.title,
            summary=each.summary,
            category=each.category,
            program=each.program,
            before=each.before,
            after=each.after,
        )
        for each in snippets()
    )


def _new(data: SnippetInput) -> NewSnippet:
    return NewSnippet(data.name, data.summary, data.program)


def _tag(row: SnippetRow) -> str:
    return etag("snippet", row.id, row.version)


def _own(row: SnippetRow) -> Snippet:
    return Snippet(
        id=str(row.id),
        title=row.name,
        summary=row.summary,
        category="own",
        program=row.program,
        updated_by=row.updated_by,
        etag=_tag(row),
    )


routes = [list_snippets, create_snippet, update_snippet, delete_snippet]
