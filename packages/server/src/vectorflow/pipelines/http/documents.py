"""Routes that work on documents nobody has saved, and the catalogue that forms are made from."""

import functools
import gzip
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.http.answers import (
    DOCUMENT_ERRORS,
    ENVIRONMENT,
    CheckResult,
    ImportedDocument,
    ImportResult,
)
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.types import MOST_BODY_BYTES, ImportFormat
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import not_modified
from vectorflow.tenancy.types import Access
from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.catalogue.types import ComponentSpec, OptionSpec
from vectorflow_topology.diff import Change
from vectorflow_topology.document import Document


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A document to be checked; with its pipeline also against the others that run on the same nodes."""

    document: Document
    pipeline_id: UUID | None = None


class ImportRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A configuration of Vector to be imported; nothing is saved.

    Either one `text` or several `files` by their relative names, which merge as Vector merges those of
    `--config`, or with `directory` those of `--config-dir`.
    """

    text: str = ""
    format: ImportFormat = "auto"
    files: dict[str, str] = {}
    directory: bool = False
    interpolates: bool = False
    """It was written for a Vector that puts variables of the environment into its configuration."""


class ReimportRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline's document, and the one that an import made of its configuration."""

    document: Document
    imported: Document


class Reimported(msgspec.Struct):
    """The imported document with the layout, comments and variables that were there, and what changes by it."""

    document: Document
    changes: tuple[Change, ...]


class Catalogue(msgspec.Struct):
    """Every type of component, with its options; `version` is the newest version of Vector it knows.

    `root` are the settings of a whole pipeline: Vector's global ones, and its enrichment tables.
    """

    version: str
    components: list[ComponentSpec]
    root: dict[str, OptionSpec]


@post(
    ENVIRONMENT + "/check",
    operation_id="checkDocument",
    summary="Check a document and compile it",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def check_document(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[CheckRequest],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
) -> CheckResult:
    """Check a document against its environment."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        engines = await pipelines.engines(txn, access.environment_id)
        around = await pipelines.surroundings(txn, access.environment_id, data.document)
    # Outside of any transaction: a check may take seconds, and a connection is dear.
    checked = await pipelines.workbench.check(data.document, engines, around)
    async with database.transaction(access.organization_id) as txn:
        checked = await pipelines.in_environment(
            txn, access.environment_id, data.document, checked, actor=actor, pipeline_id=data.pipeline_id
        )
    yaml = checked.yaml.decode() if checked.yaml is not None else None
    return CheckResult(findings=checked.findings, yaml=yaml, sha256=checked.sha256)


@post(
    ENVIRONMENT + "/import",
    operation_id="importText",
    summary="Read a configuration of Vector",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
)
async def import_configuration(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[ImportRequest],
    pipelines: NamedDependency[PipelineService],
) -> ImportResult:
    """Turn a configuration into documents; saving them is up to the caller."""
    del org, env
    workbench = pipelines.workbench
    if data.files:
        imported = await workbench.import_files(
            data.files, directory=data.directory, interpolates=data.interpolates
        )
    else:
        imported = await workbench.import_text(data.text, data.format, interpolates=data.interpolates)
    return ImportResult(
        documents=[ImportedDocument(name=name, document=document) for name, document in imported.documents],
        findings=list(imported.findings),
    )


@post(
    ENVIRONMENT + "/documents/reimport",
    operation_id="reimportDocument",
    summary="Put an imported document in the place of a pipeline's",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=2 * MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def reimport_document(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[ReimportRequest],
    pipelines: NamedDependency[PipelineService],
) -> Reimported:
    """Keep layout, comments and variables; saving the document is up to the caller."""
    del org, env
    document, changes = await pipelines.workbench.reimport(data.document, data.imported)
    return Reimported(document, changes)


@get(
    "/catalogue",
    operation_id="getCatalogue",
    summary="Every type of component and its options",
    tags=["pipelines"],
    own_session=True,
)
async def get_catalogue(request: AnyRequest) -> Response[Catalogue]:
    """Answer with the catalogue, which never changes while the process lives."""
    headers = {
        "ETag": f'"{catalogue().digest}"',
        "Cache-Control": "private, max-age=300",
        "Vary": "Accept-Encoding",
    }
    answer: Any = None
    status = 304
    if not not_modified(request, headers["ETag"]):
        status = 200
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        answer = _zipped() if zipped else catalogue().json
        headers |= {"Content-Encoding": "gzip"} if zipped else {}
    return Response(answer, status_code=status, headers=headers, media_type="application/json")


@functools.cache
def _zipped() -> bytes:
    return gzip.compress(catalogue().json, mtime=0)
