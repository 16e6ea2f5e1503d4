"""What is passed around about pipelines."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol
from uuid import UUID

import msgspec

from vectorflow.platform.database import Transaction
from vectorflow.vault.types import Stale
from vectorflow_topology.catalogue import Resource
from vectorflow_topology.destinations import SecretUse
from vectorflow_topology.diff import Change
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding
from vectorflow_topology.surroundings import Surroundings

MOST_COMPONENTS = 1_000
MOST_DOCUMENT_BYTES = 2 * 1024 * 1024
MOST_BODY_BYTES = 5 * 1024 * 1024


class Deployed(msgspec.Struct, frozen=True):
    """What of a pipeline is on nodes: the newest revision there, how many nodes should and do run it."""

    revision: int
    nodes_assigned: int
    nodes_running: int
    state: str


class DeployedLookup(Protocol):
    """Knows what is deployed; the rooms above provide it."""

    async def deployed(self, txn: Transaction, pipeline_ids: Sequence[UUID]) -> Mapping[UUID, Deployed]:
        """Return what is deployed of each pipeline that any node should run or hold, with few statements."""
        ...


class NothingDeployed:
    """The lookup of a process that delivers nothing."""

    async def deployed(self, txn: Transaction, pipeline_ids: Sequence[UUID]) -> Mapping[UUID, Deployed]:
        """Return nothing."""
        del txn, pipeline_ids
        return {}


class EngineInUse(msgspec.Struct, frozen=True):
    """An engine that nodes of an environment have, by the digest of its program (`sha256:<hex>`)."""

    kind: str
    version: str
    digest: str
    nodes: int


class EnginesLookup(Protocol):
    """Knows which engines nodes have; the rooms above provide it."""

    async def engines(self, txn: Transaction, environment_id: UUID) -> Sequence[EngineInUse]:
        """Return the distinct engines of an environment, with one statement."""
        ...


class NoEngines:
    """The lookup of a process that has no nodes."""

    async def engines(self, txn: Transaction, environment_id: UUID) -> Sequence[EngineInUse]:
        """Return nothing."""
        del txn, environment_id
        return ()


class PipelineRow(msgspec.Struct, frozen=True):
    """A pipeline as lists show it, without its document."""

    id: UUID
    environment_id: UUID
    name: str
    description: str
    component_count: int
    draft_version: int
    document_hash: bytes
    latest_revision: int | None
    revised_hash: bytes | None
    updated_at: datetime
    updated_by: str
    folder: str
    tags: tuple[str, ...]
    sort_name: str


class PipelineListed(msgspec.Struct, frozen=True):
    """A pipeline with what is deployed of it, and what changed around it since its latest revision."""

    row: PipelineRow
    deployed: Deployed | None
    outdated: tuple[Stale, ...] = ()

    @property
    def draft_changed(self) -> bool:
        """Whether the draft says something else than the revision that is deployed, or the latest one."""
        row = self.row
        rolled_back = self.deployed is not None and self.deployed.revision != row.latest_revision
        return rolled_back or row.document_hash != row.revised_hash


class Draft(msgspec.Struct, frozen=True):
    """A pipeline with the document that is being edited."""

    row: PipelineRow
    document: Document


class RevisionRow(msgspec.Struct, frozen=True):
    """A revision as lists show it. `sha256` is of the exact compiled bytes."""

    id: UUID
    pipeline_id: UUID
    number: int
    sha256: bytes
    message: str
    created_at: datetime
    created_by: str
    component_count: int
    secrets: tuple[str, ...]
    target: str


class StoredRevision(msgspec.Struct, frozen=True):
    """A revision with everything needed to run it."""

    row: RevisionRow
    yaml: bytes
    document: Document
    surroundings: Surroundings


class Checked(msgspec.Struct, frozen=True):
    """What checking a document found, and what it compiles to where it can be compiled."""

    findings: tuple[Finding, ...]
    yaml: bytes | None
    sha256: str | None
    secrets: tuple[str, ...]
    resources: tuple[tuple[str, Resource], ...] = ()
    """What its components take of a node for themselves, by component id."""
    files: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    uses: tuple[SecretUse, ...] = ()
    surroundings: Surroundings = Surroundings()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the document from running."""
        return tuple(finding for finding in self.findings if finding.severity == "error")


class Difference(msgspec.Struct, frozen=True):
    """What differs between two states of a pipeline. `text` is None where one of them cannot be compiled."""

    text: str | None
    changes: tuple[Change, ...]


ImportFormat = Literal["auto", "yaml", "toml", "json"]
Handover = Literal["beside", "reload", "restart"]
PlainDocument = dict[str, Any]
