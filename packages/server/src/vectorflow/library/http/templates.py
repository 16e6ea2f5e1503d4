"""Routes of templates: the gallery, what it makes, and templates of the organisation's own."""

import functools
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.library.errors import TemplateNotFound
from vectorflow.library.templates import TemplateService
from vectorflow.library.types import MOST_TEMPLATE_BYTES, NewTemplate, TemplateRow
from vectorflow.platform.database import Database
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow_topology.document import Document
from vectorflow_topology.templates import Parameter, Template, own_parameters, templates

_PATH = "/orgs/{org:str}/environments/{env:str}/templates"


class TemplateListed(msgspec.Struct):
    """A template. Built-in ones take parameters; `examples` fill those without a default, for a look at it.

    Those of the organisation are copies of a pipeline: its variables are the parameters. They say who kept them when.
    """

    id: str
    title: str
    summary: str
    about: str
    category: Literal["pattern", "protection", "own"]
    tags: tuple[str, ...]
    types: list[str]
    parameters: tuple[Parameter, ...]
    examples: dict[str, Any]
    updated_at: Instant | None = None
    updated_by: str | None = None


class TemplateList(msgspec.Struct):
    """The organisation's own templates by name, then the built-in ones."""

    items: list[TemplateListed]


class TemplateUse(msgspec.Struct, forbid_unknown_fields=True):
    """Values for a template's parameters."""

    parameters: dict[str, Any] = {}


class TemplateRendered(msgspec.Struct):
    """The document that a template makes; nothing is saved."""

    document: Document


class TemplateNew(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline to be kept as a template."""

    name: str
    document: Document
    summary: str = ""


class TemplateKept(msgspec.Struct):
    """A kept template, and the options whose credentials were left out, as `component.option`."""

    id: UUID
    name: str
    removed: list[str]


@get(
    _PATH,
    operation_id="listTemplates",
    summary="Templates to begin a pipeline with",
    tags=["library"],
    permission=Permission.PIPELINE_READ,
)
async def list_templates(
    *,
    org: FromPath[str],
    env: FromPath[str],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    templates_kept: NamedDependency[TemplateService],
) -> TemplateList:
    """List templates."""
    del org, env
    async with database.transaction(organization_id) as txn:
        rows = await templates_kept.own(txn)
    return TemplateList([*map(_own, rows), *_built_in()])


@post(
    _PATH + "/{id:str}/render",
    operation_id="renderTemplate",
    summary="The document that a template makes",
    tags=["library"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
)
async def render(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[str],
    data: JSONBody[TemplateUse],
    organization_id: NamedDependency[UUID],
    database: NamedDependency[Database],
    templates_kept: NamedDependency[TemplateService],
) -> TemplateRendered:
    """Fill a template with values; saving the document is up to the caller."""
    del org, env
    if id in templates():
        return TemplateRendered(templates_kept.render(id, data.parameters))
    async with database.transaction(organization_id) as txn:
        return TemplateRendered(await templates_kept.document(txn, _uuid(id), data.parameters))


@post(
    _PATH,
    operation_id="createTemplate",
    summary="Keep a pipeline as a template",
    tags=["library"],
    permission=Permission.LIBRARY_EDIT,
    request_max_body_size=2 * MOST_TEMPLATE_BYTES,
)
async def create_template(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[TemplateNew],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    templates_kept: NamedDependency[TemplateService],
    idempotency: NamedDependency[Idempotency],
) -> Response[TemplateKept]:
    """Keep a template."""
    del org, env
    async with database.transaction(organization_id) as txn:
        await idempotency.begin(txn)
        kept = await templates_kept.keep(txn, actor, NewTemplate(data.name, data.summary, data.document))
        answer = TemplateKept(kept.row.id, kept.row.name, kept.removed)
        await idempotency.finish(txn, 201, answer, {})
    return Response(answer, status_code=201)


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteTemplate",
    summary="Delete a template of the organisation",
    tags=["library"],
    permission=Permission.LIBRARY_EDIT,
)
async def delete_template(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    organization_id: NamedDependency[UUID],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    templates_kept: NamedDependency[TemplateService],
) -> None:
    """Delete a template; pipelines made with it stay."""
    del org, env
    async with database.transaction(organization_id) as txn:
        await templates_kept.delete(txn, actor, id)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise TemplateNotFound from None


@functools.cache
def _built_in() -> tuple[TemplateListed, ...]:
    return tuple(
        TemplateListed(
            id=each.id,
            title=each.title,
            summary=each.summary,
            about=each.about,
            category=each.category,
            tags=each.tags,
            types=_types(each),
            parameters=each.parameters,
            examples=each.examples,
        )
        for each in templates().values()
    )


def _types(template: Template) -> list[str]:
    sections = (template.pipeline.get(name, {}) for name in ("sources", "transforms", "sinks"))
    return [kind for section in sections for kind in dict.fromkeys(body["type"] for body in section.values())]


def _own(row: TemplateRow) -> TemplateListed:
    return TemplateListed(
        id=str(row.id),
        title=row.name,
        summary=row.summary,
        about="",
        category="own",
        tags=(),
        types=row.types,
        parameters=own_parameters(row.variables),
        examples={},
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
    )


routes = [list_templates, render, create_template, delete_template]
