"""What is passed around about rollouts; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from vectorflow.fleet.selectors import Requirement
from vectorflow.fleet.types import PipelineRef
from vectorflow.platform.http.times import Instant
from vectorflow_topology.diff import Change
from vectorflow_topology.findings import Finding

RolloutState = Literal["running", "paused", "halted", "done", "cancelled"]
RolloutNodeState = Literal["waiting", "assigned", "applied", "refused", "crashed", "silent", "kept"]

ROLLOUT_TOPIC = "delivery.rollout"
"""Bus topic: `rollout_id` and `pipeline_id` of a rollout that changed."""

DEFAULT_TIMEOUT_SECONDS = 60.0
DEFAULT_WATCH_SECONDS = 10.0
BATCH_GROWTH = 3


class RolloutReport(msgspec.Struct, frozen=True):
    """What a node said about this rollout."""

    kind: str
    at: Instant
    reason: str
    message: str
    engine_output: list[str]


class RolloutNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node in a rollout. `revision` is what it is assigned now."""

    id: UUID
    name: str
    batch: int
    state: RolloutNodeState
    revision: int | None
    report: RolloutReport | None


class RolloutNodeList(msgspec.Struct, frozen=True):
    """A page of a rollout's nodes, by batch and name."""

    items: list[RolloutNode]
    next_cursor: str | None


class RolloutCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many nodes stand in each state."""

    waiting: int
    assigned: int
    applied: int
    refused: int
    crashed: int
    silent: int
    kept: int


class RolloutBatch(msgspec.Struct, frozen=True):
    """A batch of a rollout: how many of its nodes stand in each state."""

    batch: int
    counts: RolloutCounts


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout and how far it is. `reason` says why it halted or was cancelled.

    `counts` are of all its nodes, which are a list of their own; `batches_done` are those that all nodes have applied.
    """

    id: UUID
    pipeline: PipelineRef
    revision: int
    previous_revision: int | None
    message: str
    state: RolloutState
    reason: str | None
    created_at: Instant
    created_by: str
    finished_at: Instant | None
    batch_size: int | None
    selector: str
    group_id: UUID | None
    batches_done: int
    timeout_seconds: float
    watch_seconds: float
    counts: RolloutCounts
    batches: list[RolloutBatch]


class RolloutList(msgspec.Struct, frozen=True):
    """A page of rollouts, newest first."""

    items: list[Rollout]
    next_cursor: str | None


class DryRunNode(msgspec.Struct, frozen=True):
    """A node that a rollout would go to, and what it has now."""

    id: UUID
    name: str
    current_revision: int | None
    in_maintenance: bool = False


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a rollout would do, against the revision `before`, if nodes have one. Nothing was done."""

    revision: int | None
    before: int | None
    findings: list[Finding]
    text: str | None
    changes: list[Change]
    nodes: list[DryRunNode]
    handover: str | None


class RolloutCounted(msgspec.Struct, frozen=True):
    """How many nodes of a rollout's batch stand in a state."""

    batch: int
    state: RolloutNodeState
    nodes: int


class RolloutRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it is stored. The database keeps its `counts`."""

    id: UUID
    environment_id: UUID
    pipeline_id: UUID
    pipeline_name: str
    revision: int
    previous_revision: int | None
    message: str
    state: RolloutState
    reason: str | None
    batch_size: int | None
    timeout_seconds: float
    watch_seconds: float
    selector: str = ""
    requirements: tuple[Requirement, ...] = ()
    group_id: UUID | None = None
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    counts: tuple[RolloutCounted, ...] = ()


class RolloutNodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a rollout as it is stored."""

    rollout_id: UUID
    node_id: UUID
    name: str
    revoked: bool
    batch: int
    state: RolloutNodeState
    revision_before: int | None
    generation: int | None
    assigned_at: datetime | None
    applied_at: datetime | None


class RolloutNodeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a rollout as a page shows it, with the report that decided its state; `place` orders its batch."""

    node_id: UUID
    name: str
    batch: int
    place: int
    state: RolloutNodeState
    revision: int | None
    report_kind: str | None = None
    report_at: datetime | None = None
    report_reason: str | None = None
    report_message: str | None = None
    report_output: list[str] | None = None


class NewRollout(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout to be started. Without a revision one is made from the draft.

    It goes to the nodes of the group, or to those that the selector finds, an empty one finding all. Where neither is
    said it goes to those that the pipeline was for before; at first to every node.
    """

    revision: int | None = None
    message: str = ""
    batch_size: int | None = None
    selector: str | None = None
    group_id: UUID | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    watch_seconds: float = DEFAULT_WATCH_SECONDS
