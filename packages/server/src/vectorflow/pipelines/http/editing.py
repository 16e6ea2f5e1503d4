"""Routes for a document as text that a person edits; nothing is saved."""

from typing import Any

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.errors import FixNotPossible
from vectorflow.pipelines.http.answers import DOCUMENT_ERRORS, ENVIRONMENT
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.types import MOST_BODY_BYTES
from vectorflow_topology.document import Document
from vectorflow_topology.editing import editable_text, edited_document
from vectorflow_topology.findings import Finding
from vectorflow_topology.fixes import FixRefused, apply_fix


class DocumentGiven(msgspec.Struct, forbid_unknown_fields=True):
    """A document."""

    document: Document


class DocumentText(msgspec.Struct):
    """A document as YAML for editing: with its comments, its secrets and variables by name, and what is switched off."""

    text: str


class DocumentEdit(msgspec.Struct, forbid_unknown_fields=True):
    """A text, and the document that it was made from: layout and variables come from there."""

    text: str
    document: Document


class EditedDocument(msgspec.Struct):
    """What the text came to: no document where it cannot be read as one; lines of findings count in the text."""

    document: Document | None
    findings: tuple[Finding, ...]


class DocumentFix(msgspec.Struct, forbid_unknown_fields=True):
    """A document, and the fix that a finding about it proposes."""

    document: Document
    fix: dict[str, Any]


class FixedDocument(msgspec.Struct):
    """The document with the fix done."""

    document: Document


@post(
    ENVIRONMENT + "/documents/text",
    operation_id="writeDocument",
    summary="Write a document as text for editing",
    tags=["pipelines"],
    permission=Permission.PIPELINE_READ,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def write_document(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[DocumentGiven],
    pipelines: NamedDependency[PipelineService],
) -> DocumentText:
    """Write a document as YAML."""
    del org, env
    return DocumentText(await pipelines.workbench.run(editable_text, data.document))


@post(
    ENVIRONMENT + "/documents/edit",
    operation_id="readDocument",
    summary="Read an edited text into its document",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def read_document(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[DocumentEdit],
    pipelines: NamedDependency[PipelineService],
) -> EditedDocument:
    """Read a text; one that is in the making gives findings and no document."""
    del org, env
    edited = await pipelines.workbench.run(edited_document, data.text, data.document)
    return EditedDocument(edited.document, edited.findings)


@post(
    ENVIRONMENT + "/documents/fix",
    operation_id="fixDocument",
    summary="Apply the fix of a finding",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def fix_document(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[DocumentFix],
    pipelines: NamedDependency[PipelineService],
) -> FixedDocument:
    """Return the document with a fix done."""
    del org, env
    try:
        return FixedDocument(await pipelines.workbench.run(apply_fix, data.document, data.fix))
    except FixRefused as refused:
        raise FixNotPossible(str(refused)) from refused
