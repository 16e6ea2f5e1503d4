"""What is passed around about groups of nodes, maintenance, drift and an environment's fleet settings."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from vectorflow.fleet.selectors import Requirement

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DriftKind = Literal["missing", "extra"]
TimeOfDay = Annotated[str, msgspec.Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class Window(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A weekly time of maintenance: on these days from `start` for so many minutes, by the group's time zone."""

    days: Annotated[list[Day], msgspec.Meta(min_length=1, max_length=7)]
    start: TimeOfDay
    minutes: Annotated[int, msgspec.Meta(ge=1, le=7 * 24 * 60)]


class Maintenance(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance that somebody declared. Without `until` it lasts until somebody ends it."""

    since: str
    until: str | None
    note: str
    active: bool


class NodeGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Nodes found by their assigned labels. `in_maintenance` counts weekly windows too."""

    id: UUID
    name: str
    description: str
    selector: str
    requirements: list[Requirement]
    timezone: str
    windows: list[Window]
    maintenance: Maintenance | None
    in_maintenance: bool
    nodes: int
    pipelines: int
    created_at: str
    etag: str


class NodeGroupList(msgspec.Struct, frozen=True):
    """All groups of an environment, by name."""

    items: list[NodeGroup]
    next_cursor: str | None


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A group as it is stored, with how many nodes are in it and how many pipelines are deployed to it."""

    id: UUID
    name: str
    description: str
    selector: str
    requirements: list[Requirement]
    timezone: str
    windows: list[dict[str, Any]]
    maintenance_since: datetime | None
    maintenance_until: datetime | None
    maintenance_note: str
    created_at: datetime
    version: int
    nodes: int
    pipelines: int


class GroupValues(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says about a group."""

    name: str
    description: str = ""
    selector: str
    timezone: str = "UTC"
    windows: tuple[Window, ...] = ()


class FleetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When silent nodes of an environment count as stale, and when they are let go. In days."""

    stale_after_days: int
    decommission_after_days: int | None
    etag: str


class FleetSettingsRow(msgspec.Struct, frozen=True, kw_only=True):
    """Fleet settings as they are stored; version 0 when nobody has set any."""

    stale_after_days: int = 7
    decommission_after_days: int | None = None
    version: int = 0


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """A node that does not have what it should, or has what it should not, since labels or groups changed.

    `missing`: it should run the pipeline and does not. `extra`: it runs it and no longer should.
    """

    kind: DriftKind
    pipeline_id: UUID
    pipeline_name: str
    node_id: UUID
    node_name: str
    revision: int
    in_maintenance: bool


class DriftList(msgspec.Struct, frozen=True):
    """Everything that somebody has to confirm."""

    items: list[Drift]
    next_cursor: str | None
