"""Rules of drafts: making, listing, changing and deleting pipelines. Works in the caller's transaction."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import psycopg

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.pipelines import store
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.documents import document_columns, document_stored
from vectorflow.pipelines.engines import TargetEngines
from vectorflow.pipelines.errors import (
    PipelineInvalid,
    PipelineNameTaken,
    PipelineNotFound,
    StillDeployed,
)
from vectorflow.pipelines.references import (
    missing_secret_findings,
    names_used,
    refusal_findings,
    secret_names,
    sensitive_variables,
)
from vectorflow.pipelines.surroundings import Surroundings
from vectorflow.pipelines.types import (
    Checked,
    DeployedLookup,
    Draft,
    NothingDeployed,
    PipelineListed,
    PipelineRow,
)
from vectorflow.platform.database import Transaction
from vectorflow.vault.errors import SecretUseRefused
from vectorflow.vault.service import VaultService
from vectorflow.vault.types import PipelineUses, Stale
from vectorflow_topology.checks.engines import Engine
from vectorflow_topology.document import Document
from vectorflow_topology.findings import ordered
from vectorflow_topology.surroundings import Reference, references
from vectorflow_topology.surroundings import Surroundings as Lent

PIPELINE_TOPIC = "pipelines.pipeline"
_MOST_NAME = 100
_MOST_DESCRIPTION = 2_000


class PipelineService:
    """Pipelines and the drafts that people edit."""

    def __init__(
        self,
        vault: VaultService,
        workbench: Workbench,
        deployed: DeployedLookup | None = None,
        engines: TargetEngines | None = None,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._vault = vault
        self._workbench = workbench
        self._engines = engines
        self._surroundings = surroundings
        self._deployed = deployed or NothingDeployed()

    @property
    def workbench(self) -> Workbench:
        """Where documents are checked and imported."""
        return self._workbench

    async def pipelines(
        self,
        txn: Transaction,
        environment_id: UUID,
        *,
        after: tuple[str, UUID] | None = None,
        limit: int = 50,
        text: str | None = None,
        folder: str | None = None,
        tags: Sequence[str] = (),
    ) -> list[PipelineListed]:
        """Return pipelines in the order of their names, with what is deployed of each."""
        rows = await store.pipeline_list(
            txn, environment_id, after=after, limit=limit, text=text, folder=folder, tags=tags
        )
        return await self.all_listed(txn, rows)

    async def all_listed(self, txn: Transaction, rows: Sequence[PipelineRow]) -> list[PipelineListed]:
        """Return pipelines with what is deployed of each."""
        deployed = await self._deployed.deployed(txn, [row.id for row in rows]) if rows else {}
        stale = await self._vault.stale(txn, [row.id for row in rows])
        return [PipelineListed(row, deployed.get(row.id), tuple(stale.get(row.id, ()))) for row in rows]

    async def listed(self, txn: Transaction, row: PipelineRow) -> PipelineListed:
        """Return a pipeline with what is deployed of it."""
        return (await self.all_listed(txn, [row]))[0]

    async def pipeline(self, txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> PipelineRow:
        """Return a pipeline of an environment. Raises `PipelineNotFound`."""
        row = await store.pipeline_get(txn, environment_id, pipeline_id)
        if row is None:
            raise PipelineNotFound
        return row

    async def draft(self, txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> Draft:
        """Return a pipeline with its document. Raises `PipelineNotFound`."""
        row = await self.pipeline(txn, environment_id, pipeline_id)
        document = await store.pipeline_document(txn, pipeline_id)
        if document is None:
            raise PipelineNotFound
        return Draft(row=row, document=await self._workbench.run(document_stored, document))

    async def for_change(self, txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> PipelineRow:
        """Return a pipeline and hold it until the transaction ends. Raises `PipelineNotFound`."""
        row = await store.pipeline_lock(txn, pipeline_id)
        if row is None or row.environment_id != environment_id:
            raise PipelineNotFound
        return row

    async def create(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        description: str = "",
        document: Document | None = None,
    ) -> Draft:
        """Make a pipeline.

        Raises `PipelineInvalid`, `PipelineNameTaken`, `DocumentInvalid` or `SecretUseDenied`.
        """
        kept = document or Document()
        columns = await self._columns(name, description, kept)
        around = await self._allowed(txn, environment_id, kept, actor)
        row = await store.pipeline_insert(txn, environment_id, new_id(), columns, actor)
        if row is None:
            raise PipelineNameTaken
        await self._saved(txn, row, kept, around, actor)
        await txn.audit(_entry(AuditAction.PIPELINE_CREATED, actor, row, f"Pipeline {row.name} was made."))
        return Draft(row=row, document=kept)

    async def update(
        self,
        txn: Transaction,
        actor: Actor,
        pipeline: PipelineRow,
        *,
        name: str,
        description: str,
        document: Document,
    ) -> Draft:
        """Replace the draft of a pipeline that `for_change` returned.

        Raises `PipelineInvalid`, `PipelineNameTaken`, `DocumentInvalid` or `SecretUseDenied`.
        """
        columns = await self._columns(name, description, document)
        around = await self._allowed(txn, pipeline.environment_id, document, actor)
        if await store.pipeline_name_taken(txn, pipeline.environment_id, columns.name, pipeline.id):
            raise PipelineNameTaken
        try:
            row = await store.pipeline_update(txn, pipeline.id, columns, actor)
        except psycopg.errors.UniqueViolation as error:  # another draft took the name at this very moment
            raise PipelineNameTaken from error
        if row is None:
            raise PipelineNotFound
        await self._saved(txn, row, document, around, actor)
        await txn.audit(
            _entry(
                AuditAction.PIPELINE_UPDATED, actor, row, f"The draft of {row.name} was changed.", pipeline
            )
        )
        return Draft(row=row, document=document)

    async def delete(self, txn: Transaction, actor: Actor, pipeline: PipelineRow) -> None:
        """Delete a pipeline that `for_change` returned. Raises `StillDeployed`."""
        if (await self.listed(txn, pipeline)).deployed is not None:
            raise StillDeployed
        await store.pipeline_delete(txn, pipeline.id)
        uses = PipelineUses(pipeline.id, pipeline.name, frozenset(), frozenset())
        await self._vault.record_uses(txn, pipeline.environment_id, uses, actor)
        await txn.audit(
            _entry(AuditAction.PIPELINE_DELETED, actor, pipeline, f"Pipeline {pipeline.name} was deleted.")
        )
        await txn.notify(PIPELINE_TOPIC, {"pipeline_id": pipeline.id})

    async def check(
        self,
        txn: Transaction,
        environment_id: UUID,
        document: Document,
        actor: Actor,
        *,
        pipeline_id: UUID | None = None,
        hold: bool = False,
    ) -> Checked:
        """Check the document of a pipeline, if it is one's, as what the actor would deploy. Raises `CheckingBusy`.

        With `hold` what the environment lends it stays as it is until the transaction ends.
        """
        lent = await self.surroundings(txn, environment_id, document, hold=hold)
        checked = await self._workbench.check(document, await self.engines(txn, environment_id), lent)
        return await self.in_environment(
            txn, environment_id, document, checked, actor=actor, pipeline_id=pipeline_id, hold=hold
        )

    async def in_environment(
        self,
        txn: Transaction,
        environment_id: UUID,
        document: Document,
        checked: Checked,
        *,
        actor: Actor,
        pipeline_id: UUID | None,
        hold: bool = False,
    ) -> Checked:
        """Add what the environment says: secrets, the organisation's rules, other pipelines on its nodes."""
        checked = await self._with_secrets(txn, environment_id, document, checked, actor, hold=hold)
        if self._surroundings is None:
            return checked
        more = await self._surroundings.findings(txn, environment_id, document, checked, pipeline_id)
        return msgspec.structs.replace(checked, findings=tuple(ordered((*checked.findings, *more))))

    async def engines(self, txn: Transaction, environment_id: UUID) -> tuple[Engine, ...]:
        """Return the engines that documents of an environment are checked for."""
        return await self._engines.of(txn, environment_id) if self._engines is not None else ()

    async def surroundings(
        self, txn: Transaction, environment_id: UUID, document: Document, *, hold: bool = False
    ) -> Lent:
        """Return what the environment lends a document; with `hold` it stays as it is until the transaction ends."""
        found = await self._workbench.run(_references, document)
        return await self._vault.surroundings(txn, environment_id, found, hold=hold)

    async def _with_secrets(
        self,
        txn: Transaction,
        environment_id: UUID,
        document: Document,
        checked: Checked,
        actor: Actor,
        *,
        hold: bool,
    ) -> Checked:
        """Add findings about secrets: those that do not exist, and those that may not be used as they are."""
        missing = await self._vault.missing(txn, environment_id, sorted(secret_names(document)), hold=hold)
        refusals = await self._vault.places.refusals(txn, environment_id, checked.uses, actor)
        found = [*missing_secret_findings(document, missing), *refusal_findings(refusals)]
        if not found:
            return checked
        return msgspec.structs.replace(checked, findings=tuple(ordered([*checked.findings, *found])))

    async def admit(
        self,
        txn: Transaction,
        environment_id: UUID,
        document: Document,
        surroundings: Lent,
        actor: Actor,
    ) -> None:
        """Let the secrets of a document that is about to run be used as they are, or refuse.

        The one choke point for everything that is deployed. Raises `SecretUseDenied` or `SecretUseRefused`.
        """
        found = await self._workbench.run(_references, document)
        self._vault.require_use(actor, found, sensitive_variables(surroundings))
        used = await self._workbench.uses(document, surroundings)
        refusals = await self._vault.places.refusals(txn, environment_id, used, actor)
        if refusals:
            errors = [FieldError(f"{each.use.component}.{each.use.path}", each.message) for each in refusals]
            raise SecretUseRefused(refusals[0].message, errors=errors)
        await self._vault.places.admit(txn, environment_id, used, actor)

    async def stale(self, txn: Transaction, pipeline_id: UUID) -> list[Stale]:
        """Return what changed after the pipeline's latest revision was made of it."""
        return (await self._vault.stale(txn, [pipeline_id])).get(pipeline_id, [])

    async def record_uses(
        self,
        txn: Transaction,
        pipeline: PipelineRow,
        document: Document,
        surroundings: Lent,
        actor: Actor,
        *,
        revised: bool = False,
    ) -> None:
        """Tell the vault what the draft and the revisions of a pipeline refer to, and where secrets go."""
        revisions = await store.revision_references(txn, pipeline.id) if pipeline.latest_revision else []
        draft = names_used(document)
        uses = PipelineUses(
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            draft=draft,
            revisions=frozenset((each.kind, each.name) for each in revisions),
            places=await self._workbench.uses(document, surroundings),
            variables=frozenset(name for kind, name in draft if kind == "variable"),
            revised=revised,
        )
        await self._vault.record_uses(txn, pipeline.environment_id, uses, actor)

    async def _allowed(
        self, txn: Transaction, environment_id: UUID, document: Document, actor: Actor
    ) -> Lent:
        """Return what the environment lends, if the actor may refer to it. Raises `SecretUseDenied`."""
        found = await self._workbench.run(_references, document)
        around = await self._vault.surroundings(txn, environment_id, found, hold=True)
        self._vault.require_use(actor, found, sensitive_variables(around))
        return around

    async def _saved(
        self,
        txn: Transaction,
        pipeline: PipelineRow,
        document: Document,
        surroundings: Lent,
        actor: Actor,
    ) -> None:
        await self.record_uses(txn, pipeline, document, surroundings, actor)
        await txn.notify(PIPELINE_TOPIC, {"pipeline_id": pipeline.id})

    async def _columns(self, name: str, description: str, document: Document) -> store.DraftColumns:
        kept = name.strip()
        problems = []
        if not 1 <= len(kept) <= _MOST_NAME or not kept.isprintable():
            problems.append(FieldError("name", f"use 1 to {_MOST_NAME} printable characters"))
        if len(description) > _MOST_DESCRIPTION or "\0" in description:
            problems.append(FieldError("description", f"use at most {_MOST_DESCRIPTION} characters of text"))
        if problems:
            raise PipelineInvalid(errors=problems)
        return await self._workbench.run(document_columns, kept, description, document)


def _references(document: Document) -> list[Reference]:
    return list(references(document))


def _entry(
    action: AuditAction, actor: Actor, row: PipelineRow, summary: str, before: PipelineRow | None = None
) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="pipeline",
        object_id=str(row.id),
        summary=summary,
        before=_audited(before) if before else None,
        after=_audited(row),
    )


def _audited(row: PipelineRow) -> dict[str, object]:
    return {"name": row.name, "draft_version": row.draft_version, "document_sha256": row.document_hash.hex()}
