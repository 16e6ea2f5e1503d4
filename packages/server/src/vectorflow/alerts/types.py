"""What is passed around about alerts; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

ChannelKind = Literal["email", "webhook"]
RuleKind = Literal["node_silent", "pipeline_failed", "component_errors"]
IncidentState = Literal["open", "resolved"]
Event = Literal["opened", "resolved", "test"]
DeliveryState = Literal["waiting", "sent", "failed"]

MOST_RECIPIENTS: Final = 20
MOST_CHANNELS: Final = 50
MOST_RULES: Final = 100

Silence = Annotated[int, msgspec.Meta(ge=30, le=86_400, description="Seconds without a heartbeat.")]
Errors = Annotated[float, msgspec.Meta(gt=0, le=1_000_000, description="Errors a minute, over all nodes.")]


class EmailTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="email", tag_field="kind"):
    """Mail to people, by the installation's mail server."""

    to: Annotated[list[str], msgspec.Meta(min_length=1, max_length=MOST_RECIPIENTS)]


class WebhookTarget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="webhook", tag_field="kind"):
    """A POST of JSON to an address of yours, signed with a secret that is shown once."""

    url: Annotated[str, msgspec.Meta(max_length=2000)]

    def __repr__(self) -> str:
        """Leave the address out: many services put the credential there."""
        return "WebhookTarget(…)"


Target = EmailTarget | WebhookTarget


class Sealed(msgspec.Struct, frozen=True):
    """What is sealed of a channel: where it leads, and what signs its messages."""

    target: Target
    secret: str = ""

    def __repr__(self) -> str:
        """Leave everything out."""
        return "Sealed(…)"


class NodeSilent(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="node_silent", tag_field="kind"
):
    """A node was not heard of for so long."""

    seconds: Silence = 120


class PipelineFailed(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="pipeline_failed", tag_field="kind"
):
    """A node refused a pipeline's configuration, or its engine ends again and again."""


class ComponentErrors(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="component_errors", tag_field="kind"
):
    """A component counts more errors than this."""

    per_minute: Errors = 1.0


Condition = NodeSilent | PipelineFailed | ComponentErrors


class ChannelRow(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as lists show it; where it leads in full is sealed. `shown` names people or a host."""

    id: UUID
    name: str
    kind: ChannelKind
    shown: str
    version: int
    updated_at: datetime
    updated_by: str
    last_state: DeliveryState | None = None
    last_at: datetime | None = None
    last_error: str = ""


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule with the channels it tells."""

    id: UUID
    environment_id: UUID
    name: str
    condition: Condition
    enabled: bool
    channels: list[UUID]
    version: int
    updated_at: datetime
    updated_by: str


class Firing(msgspec.Struct, frozen=True, kw_only=True):
    """Something that breaks a rule right now. `key` tells it from others of the same rule."""

    key: str
    node_id: UUID | None
    pipeline_id: UUID | None
    component: str
    summary: str


class IncidentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A rule broken, from the moment it was seen until it was over."""

    id: UUID
    environment_id: UUID
    rule_id: UUID
    rule_name: str
    kind: RuleKind
    node_id: UUID | None
    node_name: str | None
    pipeline_id: UUID | None
    pipeline_name: str | None
    component: str
    summary: str
    state: IncidentState
    opened_at: datetime
    resolved_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    version: int


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be sent now."""

    id: UUID
    channel_id: UUID
    channel_name: str
    channel_version: int
    target: bytes
    event: Event
    attempts: int
    incident: dict[str, Any] | None
    organization: str
    environment: str
