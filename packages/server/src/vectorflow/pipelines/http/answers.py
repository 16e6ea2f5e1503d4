"""What the routes answer with; the names are those of the public API."""

from uuid import UUID

import msgspec
from litestar import Response
from litestar.types import ExceptionHandlersMap

from vectorflow.kernel.clock import rfc3339
from vectorflow.pipelines.errors import DocumentInvalid
from vectorflow.pipelines.types import Deployed, PipelineListed, PipelineRow, RevisionRow, StoredRevision
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import etag
from vectorflow.platform.http.problems import Problem, answer_error
from vectorflow.platform.http.times import Instant
from vectorflow.vault.types import Stale
from vectorflow_topology.diff import Change
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding

ENVIRONMENT = "/orgs/{org:str}/environments/{env:str}"


class PipelineSummary(msgspec.Struct):
    """A pipeline. `draft_changed` tells whether the draft differs from what is deployed, or made last.

    `outdated` is what changed in the environment after the latest revision was made of it.
    """

    id: UUID
    name: str
    description: str
    component_count: int
    draft_version: int
    updated_at: Instant
    updated_by: str
    folder: str
    tags: list[str]
    deployed: Deployed | None
    draft_changed: bool
    outdated: list[Stale]


class Pipeline(PipelineSummary):
    """A pipeline with the document that is being edited."""

    document: Document
    etag: str


class PipelineSummaryList(msgspec.Struct):
    """A page of pipelines, by name."""

    items: list[PipelineSummary]
    next_cursor: str | None


class CheckResult(msgspec.Struct):
    """What is wrong with a document, and the configuration it compiles to, if it does."""

    findings: tuple[Finding, ...]
    yaml: str | None
    sha256: str | None


class ImportedDocument(msgspec.Struct):
    """One of the pipelines that a configuration makes."""

    name: str
    document: Document


class ImportResult(msgspec.Struct):
    """The documents that a configuration of Vector makes, and what there is to say about it."""

    documents: list[ImportedDocument]
    findings: list[Finding]


class Revision(msgspec.Struct):
    """A revision. `sha256` is of the exact compiled configuration."""

    number: int
    sha256: str
    message: str
    created_at: Instant
    created_by: str
    component_count: int


class RevisionDetail(Revision):
    """A revision with its compiled configuration and the document it was made from."""

    yaml: str
    document: Document


class RevisionList(msgspec.Struct):
    """A page of revisions, newest first."""

    items: list[Revision]
    next_cursor: str | None


class Diff(msgspec.Struct):
    """What differs. `text` is null where one of the two cannot be compiled; `from` where nothing is deployed."""

    from_: int | str | None = msgspec.field(name="from")
    to: int | str
    text: str | None
    changes: tuple[Change, ...]


def answer_too_deep(request: AnyRequest, _error: Exception) -> Response[Problem]:
    """Answer a body that nests deeper than it can be read."""
    return answer_error(request, DocumentInvalid("The document nests too deep to be read."))


# For every route whose body holds a document.
DOCUMENT_ERRORS: ExceptionHandlersMap = {RecursionError: answer_too_deep}


def pipeline_tag(row: PipelineRow) -> str:
    """Return the entity tag of a draft."""
    return etag("pipeline", row.id, row.draft_version)


def summary_of(listed: PipelineListed) -> PipelineSummary:
    """Return a pipeline as lists show it."""
    row = listed.row
    return PipelineSummary(
        id=row.id,
        name=row.name,
        description=row.description,
        component_count=row.component_count,
        draft_version=row.draft_version,
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        folder=row.folder,
        tags=list(row.tags),
        deployed=listed.deployed,
        draft_changed=listed.draft_changed,
        outdated=list(listed.outdated),
    )


def pipeline_of(listed: PipelineListed, document: Document) -> Pipeline:
    """Return a pipeline with its document."""
    summary = msgspec.structs.asdict(summary_of(listed))
    return Pipeline(**summary, document=document, etag=pipeline_tag(listed.row))


def revision_of(row: RevisionRow) -> Revision:
    """Return a revision as lists show it."""
    return Revision(
        number=row.number,
        sha256=row.sha256.hex(),
        message=row.message,
        created_at=rfc3339(row.created_at),
        created_by=row.created_by,
        component_count=row.component_count,
    )


def detail_of(stored: StoredRevision) -> RevisionDetail:
    """Return a revision with its content."""
    summary = msgspec.structs.asdict(revision_of(stored.row))
    return RevisionDetail(**summary, yaml=stored.yaml.decode(), document=stored.document)
