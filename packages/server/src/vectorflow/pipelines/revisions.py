"""Rules of revisions: making, reading and comparing them. Works in the caller's transaction."""

from typing import Literal
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.pipelines import store
from vectorflow.pipelines.documents import document_stored, field_errors, hash_of
from vectorflow.pipelines.errors import DocumentInvalid, PipelineInvalid, PipelineNotFound, RevisionNotFound
from vectorflow.pipelines.references import stale_findings
from vectorflow.pipelines.service import PIPELINE_TOPIC, PipelineService
from vectorflow.pipelines.types import (
    Checked,
    Difference,
    Handover,
    PipelineRow,
    RevisionRow,
    StoredRevision,
)
from vectorflow.platform.database import Transaction
from vectorflow_topology.compiler import CompileFailed, Target, compile_document
from vectorflow_topology.diff import diff_documents, diff_text, redacted
from vectorflow_topology.document import Document
from vectorflow_topology.findings import ordered
from vectorflow_topology.handover import handover
from vectorflow_topology.surroundings import Surroundings

_MOST_MESSAGE = 2_000
State = int | Literal["draft"] | None
_Situated = tuple[Document, Surroundings]


class RevisionService:
    """Revisions: immutable, numbered per pipeline, named by the hash of what they compile to."""

    def __init__(self, pipelines: PipelineService) -> None:
        self._pipelines = pipelines
        self._workbench = pipelines.workbench

    async def make_revision(
        self, txn: Transaction, pipeline_id: UUID, message: str, actor: Actor
    ) -> RevisionRow:
        """Make a revision of the draft, or return the latest one when it would be the same.

        The pipeline is held until the transaction ends. Raises `PipelineNotFound`, `DocumentInvalid`
        with an error for each field, or `CheckingBusy`.
        """
        if len(message) > _MOST_MESSAGE or "\0" in message:
            raise PipelineInvalid(errors=[FieldError("message", f"use at most {_MOST_MESSAGE} characters")])
        pipeline = await store.pipeline_lock(txn, pipeline_id)
        plain = await store.pipeline_document(txn, pipeline_id)
        if pipeline is None or plain is None:
            raise PipelineNotFound
        document = await self._workbench.run(document_stored, plain)
        checked = await self._pipelines.check(
            txn, pipeline.environment_id, document, actor, pipeline_id=pipeline_id, hold=True
        )
        if checked.yaml is None or checked.sha256 is None or checked.errors:
            raise DocumentInvalid(errors=field_errors(checked.errors))
        await self._pipelines.admit(txn, pipeline.environment_id, document, checked.surroundings, actor)
        latest = await self._latest(txn, pipeline)
        document_hash = await self._workbench.run(hash_of, document)
        if latest is not None and latest.sha256.hex() == checked.sha256:
            await store.pipeline_revised(txn, pipeline_id, latest.number, document_hash)
            await self._pipelines.record_uses(
                txn, pipeline, document, checked.surroundings, actor, revised=True
            )
            return latest
        columns = store.RevisionColumns(
            id=new_id(),
            pipeline_id=pipeline_id,
            number=(latest.number if latest else 0) + 1,
            sha256=bytes.fromhex(checked.sha256),
            yaml=checked.yaml,
            document=plain,
            document_hash=document_hash,
            component_count=len(document.components),
            secrets=checked.secrets,
            files=checked.files,
            stores=checked.stores,
            surroundings=msgspec.to_builtins(checked.surroundings),
            target=self._workbench.target.vector_version,
            message=message,
        )
        row = await self._keep(
            txn, pipeline, columns, document, surroundings=checked.surroundings, actor=actor
        )
        await store.resource_insert(txn, pipeline.environment_id, pipeline_id, row.number, checked.resources)
        return row

    async def revisions(
        self,
        txn: Transaction,
        pipeline_id: UUID,
        *,
        before: int | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[RevisionRow]:
        """Return a pipeline's revisions, newest first, from before the number given."""
        return await store.revision_list(txn, pipeline_id, before=before, limit=limit, text=text)

    async def revision(self, txn: Transaction, pipeline_id: UUID, number: int) -> RevisionRow:
        """Return a revision without its content. Raises `RevisionNotFound`."""
        row = await store.revision_get(txn, pipeline_id, number)
        if row is None:
            raise RevisionNotFound
        return row

    async def stored(self, txn: Transaction, pipeline_id: UUID, number: int) -> StoredRevision:
        """Return a revision with its content. Raises `RevisionNotFound`."""
        row = await self.revision(txn, pipeline_id, number)
        content = await store.revision_content(txn, pipeline_id, number)
        if content is None:
            raise RevisionNotFound
        document = await self._workbench.run(document_stored, content.document)
        around = msgspec.convert(content.surroundings, Surroundings)
        return StoredRevision(row=row, yaml=content.yaml, document=document, surroundings=around)

    async def admit(self, txn: Transaction, pipeline: PipelineRow, number: int, actor: Actor) -> RevisionRow:
        """Return a revision whose secrets the actor may let run.

        Raises `RevisionNotFound`, `SecretUseDenied` or `SecretUseRefused`.
        """
        stored = await self.stored(txn, pipeline.id, number)
        await self._pipelines.admit(txn, pipeline.environment_id, stored.document, stored.surroundings, actor)
        return stored.row

    async def configuration(self, txn: Transaction, sha256: str) -> bytes | None:
        """Return the compiled configuration of this hash (hex), or None."""
        try:
            digest = bytes.fromhex(sha256)
        except ValueError:
            return None
        return await store.revision_yaml(txn, digest)

    async def handover(self, txn: Transaction, pipeline_id: UUID, old: int, new: int) -> Handover:
        """Return how a node goes from one revision to another. Raises `RevisionNotFound`."""
        before = await self.stored(txn, pipeline_id, old)
        after = await self.stored(txn, pipeline_id, new)
        return await self._workbench.run(
            handover, before.document, after.document, before.surroundings, after.surroundings
        )

    async def difference(self, txn: Transaction, pipeline: PipelineRow, old: State, new: State) -> Difference:
        """Compare two states of a pipeline: a revision's number, the draft, or None for nothing at all."""
        before, after = await self._document(txn, pipeline, old), await self._document(txn, pipeline, new)
        return await self._workbench.run(_difference, before, after, self._workbench.target)

    async def preview(
        self, txn: Transaction, pipeline: PipelineRow, actor: Actor
    ) -> tuple[Checked, Document]:
        """Return what a revision of the draft would be, without making one, and the draft's document."""
        document = (await self._pipelines.draft(txn, pipeline.environment_id, pipeline.id)).document
        checked = await self._pipelines.check(
            txn, pipeline.environment_id, document, actor, pipeline_id=pipeline.id
        )
        stale = stale_findings(await self._pipelines.stale(txn, pipeline.id))
        findings = tuple(ordered([*checked.findings, *stale]))
        return msgspec.structs.replace(checked, findings=findings), document

    async def _document(self, txn: Transaction, pipeline: PipelineRow, state: State) -> _Situated | None:
        if state is None:
            return None
        if state == "draft":
            document = (await self._pipelines.draft(txn, pipeline.environment_id, pipeline.id)).document
            return document, await self._pipelines.surroundings(txn, pipeline.environment_id, document)
        stored = await self.stored(txn, pipeline.id, state)
        return stored.document, stored.surroundings

    async def _latest(self, txn: Transaction, pipeline: PipelineRow) -> RevisionRow | None:
        if pipeline.latest_revision is None:
            return None
        return await store.revision_get(txn, pipeline.id, pipeline.latest_revision)

    async def _keep(
        self,
        txn: Transaction,
        pipeline: PipelineRow,
        columns: store.RevisionColumns,
        document: Document,
        *,
        surroundings: Surroundings,
        actor: Actor,
    ) -> RevisionRow:
        row = await store.revision_insert(txn, columns, actor)
        await store.pipeline_revised(txn, pipeline.id, columns.number, columns.document_hash)
        revised = await store.pipeline_lock(txn, pipeline.id)
        if row is None or revised is None:  # both are held by this transaction
            raise PipelineNotFound
        await self._pipelines.record_uses(txn, revised, document, surroundings, actor, revised=True)
        await txn.audit(
            AuditEntry(
                action=AuditAction.REVISION_CREATED,
                actor=actor,
                object_type="revision",
                object_id=str(row.id),
                summary=f"Revision {row.number} of {pipeline.name} was made.",
                after={
                    "pipeline_id": str(pipeline.id),
                    "number": row.number,
                    "sha256": row.sha256.hex(),
                    "message": row.message,
                },
            )
        )
        await txn.notify(PIPELINE_TOPIC, {"pipeline_id": pipeline.id})
        return row


def _difference(before: _Situated | None, after: _Situated | None, target: Target) -> Difference:
    changes = tuple(diff_documents(before[0] if before else None, after[0] if after else Document()))
    old, new = _yaml(before, target), _yaml(after, target)
    if old is None or new is None:
        return Difference(text=None, changes=changes)
    return Difference(text=diff_text(old, new), changes=changes)


def _yaml(situated: _Situated | None, target: Target) -> str | None:
    """Return what a document compiles to, its credentials hidden; None where that is not possible."""
    if situated is None:
        return ""
    document, surroundings = situated
    try:
        return compile_document(redacted(document), target, surroundings).yaml.decode()
    except CompileFailed:
        return None
