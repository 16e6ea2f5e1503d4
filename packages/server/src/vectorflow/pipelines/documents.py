"""Documents on their way into and out of the database."""

import msgspec

from vectorflow.kernel.errors import FieldError
from vectorflow.pipelines.errors import DocumentInvalid
from vectorflow.pipelines.store import DraftColumns
from vectorflow.pipelines.types import MOST_COMPONENTS, MOST_DOCUMENT_BYTES, PlainDocument
from vectorflow_topology import document as topology
from vectorflow_topology.canonical import document_hash
from vectorflow_topology.document import Document, document_from_json, document_to_json
from vectorflow_topology.findings import Finding

_MOST_ERRORS = 100


def document_stored(plain: PlainDocument) -> Document:
    """Return a document that was stored."""
    return msgspec.convert(plain, Document)


def document_columns(name: str, description: str, document: Document) -> DraftColumns:
    """Return what is written for a draft. Raises `DocumentInvalid` for one that is too large or deep."""
    plain = document_to_json(document)
    try:
        document_from_json(plain)
    except topology.DocumentInvalid as error:
        raise DocumentInvalid(errors=field_errors(error.findings)) from error
    if len(document.components) > MOST_COMPONENTS:
        message = f"use at most {MOST_COMPONENTS} components; split the pipeline"
        raise DocumentInvalid(errors=[FieldError("document.components", message)])
    size = len(msgspec.json.encode(plain))
    if size > MOST_DOCUMENT_BYTES:
        message = f"the document has {size} bytes; at most {MOST_DOCUMENT_BYTES} can be kept"
        raise DocumentInvalid(errors=[FieldError("document", message)])
    return DraftColumns(
        name=name,
        description=description,
        document=plain,
        document_hash=hash_of(document),
        component_count=len(document.components),
    )


def hash_of(document: Document) -> bytes:
    """Return the hash that tells whether a draft changed; moving things about does not change it."""
    return bytes.fromhex(document_hash(document, layout=False))


def field_errors(findings: tuple[Finding, ...]) -> list[FieldError]:
    """Return findings as errors of fields: ``document``, the component where there is one, and the path."""
    return [FieldError(_field(finding), finding.message) for finding in findings[:_MOST_ERRORS]]


def _field(finding: Finding) -> str:
    parts = ["document"]
    if finding.component is not None:
        parts += ["components", finding.component]
        if finding.path:
            parts.append("options")
    return ".".join([*parts, *map(str, finding.path)])
