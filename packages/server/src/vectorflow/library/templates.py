"""Templates: the built-in gallery, and pipelines that an organisation keeps to begin others with."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.library import store
from vectorflow.library.errors import (
    TemplateInvalid,
    TemplateNameTaken,
    TemplateNotFound,
    TooManyTemplates,
)
from vectorflow.library.types import (
    MOST_TEMPLATE_BYTES,
    MOST_TEMPLATES,
    KeptTemplate,
    NewTemplate,
    TemplateRow,
)
from vectorflow.platform.database import Transaction
from vectorflow_topology.credentials import without_credentials
from vectorflow_topology.document import (
    Document,
    DocumentInvalid,
    document_from_json,
    document_to_json,
)
from vectorflow_topology.templates import TemplateRefused, render_template, templates, with_parameters

_MOST_NAME = 100
_MOST_SUMMARY = 500


class TemplateService:
    """Renders built-in templates; keeps, lists and deletes an organisation's own."""

    async def own(self, txn: Transaction) -> list[TemplateRow]:
        """Return the organisation's templates, by name."""
        return await store.template_list(txn, limit=MOST_TEMPLATES)

    def render(self, template_id: str, parameters: Mapping[str, Any]) -> Document:
        """Return the document of a built-in template. Raises `TemplateNotFound` or `TemplateInvalid`."""
        template = templates().get(template_id)
        if template is None:
            raise TemplateNotFound
        try:
            return render_template(template, parameters)
        except TemplateRefused as refused:
            raise _unusable(refused) from None

    async def document(self, txn: Transaction, template_id: UUID, parameters: Mapping[str, Any]) -> Document:
        """Return the document of one of the organisation's templates, with values of its variables.

        Raises `TemplateNotFound` or `TemplateInvalid`.
        """
        found = await store.template_document(txn, template_id)
        if found is None:
            raise TemplateNotFound
        try:
            return with_parameters(msgspec.convert(found, Document), parameters)
        except TemplateRefused as refused:
            raise _unusable(refused) from None

    async def keep(self, txn: Transaction, actor: Actor, new: NewTemplate) -> KeptTemplate:
        """Keep a pipeline as a template, without credentials that stand in it as they are.

        Raises `TemplateInvalid`, `TemplateNameTaken` or `TooManyTemplates`.
        """
        document, removed = without_credentials(new.document)
        plain = _judged(msgspec.structs.replace(new, document=document))
        if await store.template_count(txn) >= MOST_TEMPLATES:
            raise TooManyTemplates
        row = await store.template_insert(txn, new_id(), new, plain, actor.name)
        if row is None:
            raise TemplateNameTaken
        await _tell(txn, AuditAction.TEMPLATE_CREATED, actor, row)
        return KeptTemplate(row, removed)

    async def delete(self, txn: Transaction, actor: Actor, template_id: UUID) -> None:
        """Delete one of the organisation's templates. Raises `TemplateNotFound`."""
        row = await store.template_delete(txn, template_id)
        if row is None:
            raise TemplateNotFound
        await _tell(txn, AuditAction.TEMPLATE_DELETED, actor, row)


def _unusable(refused: TemplateRefused) -> TemplateInvalid:
    errors = [FieldError(".".join(map(str, each.path)), each.message) for each in refused.findings]
    return TemplateInvalid("The parameters cannot be used.", errors=errors)


def _judged(new: NewTemplate) -> dict[str, Any]:
    problems, name, summary, document = [], new.name, new.summary, new.document
    if not 1 <= len(name.strip()) <= _MOST_NAME or not name.isprintable():
        problems.append(FieldError("name", f"use 1 to {_MOST_NAME} printable characters"))
    if len(summary) > _MOST_SUMMARY or "\0" in summary:
        problems.append(FieldError("summary", f"use at most {_MOST_SUMMARY} characters of text"))
    plain = document_to_json(document)
    try:
        document_from_json(plain)
    except DocumentInvalid as error:
        problems += [FieldError("document", each.message) for each in error.findings[:20]]
    else:
        if len(msgspec.json.encode(plain)) > MOST_TEMPLATE_BYTES:
            problems.append(FieldError("document", f"use at most {MOST_TEMPLATE_BYTES} bytes"))
        if not document.components:
            problems.append(FieldError("document", "an empty pipeline makes no template"))
    if problems:
        raise TemplateInvalid(errors=problems)
    return plain


async def _tell(txn: Transaction, action: AuditAction, actor: Actor, row: TemplateRow) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="template",
            object_id=str(row.id),
            summary=f"The template {row.name} was {action.rpartition('.')[2]}.",
            after={"components": row.component_count} if action is AuditAction.TEMPLATE_CREATED else None,
        )
    )
