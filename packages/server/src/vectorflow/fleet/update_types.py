"""What is passed around about updates of a fleet: which version, for whom, how many at a time, and how it goes."""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

Program = Literal["agent", "engine"]
StepUnit = Literal["nodes", "percent"]
PlanState = Literal["running", "paused", "ended"]
NodeState = Literal["done", "asked", "failed", "silent", "waiting", "away"]


class PlanRow(msgspec.Struct, frozen=True, kw_only=True):
    """A plan as it is stored. Without a group it is for the whole environment."""

    id: UUID
    environment_id: UUID
    group_id: UUID | None
    group_name: str | None
    program: Program
    target: str
    step: int
    unit: StepUnit
    most_failures: int
    state: PlanState
    reason: str
    created_by: str
    created_at: datetime
    counted_from: datetime


class NodeAnswer(msgspec.Struct, frozen=True):
    """The newest order of a plan to a node, and what became of it."""

    node_id: UUID
    state: str
    reason: str
    message: str


class NodeUpdate(msgspec.Struct, frozen=True, kw_only=True):
    """How far a node is. `runs` is what it last said it runs.

    `waiting`: its turn comes. `away`: it is not heard, not admitted, or under maintenance. `silent`: it was asked and
    did not answer in an hour.
    """

    node_id: UUID
    node_name: str
    runs: str
    state: NodeState
    reason: str
    message: str


class NodeUpdateList(msgspec.Struct, frozen=True):
    """The nodes of a plan: those with trouble first."""

    items: list[NodeUpdate]
    next_cursor: str | None


class UpdatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """A version that nodes shall run, and how many do."""

    id: UUID
    group_id: UUID | None
    group_name: str | None
    program: Program
    target: str
    step: int
    unit: StepUnit
    most_failures: int
    state: PlanState
    reason: str
    created_by: str
    created_at: str
    nodes: int
    counts: dict[NodeState, int]


class ReleaseShown(msgspec.Struct, frozen=True, kw_only=True):
    """A release that could be chosen."""

    program: Program
    version: str
    os: str
    arch: str
    python: str
    digest: str
    size: int


class UpdateOverview(msgspec.Struct, frozen=True, kw_only=True):
    """All plans that have not ended, and the releases there are. `minimum` is the lowest agent allowed."""

    items: list[UpdatePlan]
    next_cursor: str | None
    releases: list[ReleaseShown]
    index_number: int | None
    index_expires_at: str | None
    minimum: str | None
