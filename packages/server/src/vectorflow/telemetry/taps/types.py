"""What is passed around about taps; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec

from vectorflow_wire.taps import TapCondition

MOST_NODES: Final = 20
MOST_OPEN: Final = 50
MOST_OPEN_OF_ACCOUNT: Final = 10
MOST_CAPTURES: Final = 200
MOST_CAPTURE_EVENTS: Final = 1000
MOST_CAPTURE_BYTES: Final = 1024 * 1024

Operator = Literal["eq", "ne", "contains", "lt", "gt", "exists", "missing", "vrl"]
Component = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_-]+$")]
Port = Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9_-]*$")]
Reason = Annotated[str, msgspec.Meta(min_length=3, max_length=500, description="Why; it stands in the log.")]


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on a field, judged on the node after redaction.

    With `vrl`, `value` is a condition in VRL on the whole event, and `path` is `.`; a tap has one of these at most, and only
    nodes with the embedded engine judge it.
    """

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    operator: Operator = "eq"
    value: Annotated[str, msgspec.Meta(max_length=4000)] = ""

    def wire(self) -> TapCondition:
        """The same as nodes are told."""
        return TapCondition(path=self.path, operator=self.operator, value=self.value)


class TapNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tap to be opened. Without a node: on every node that runs the pipeline, up to 20."""

    pipeline_id: UUID
    component: Component
    reason: Reason
    port: Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    node_id: UUID | None = None
    where: Annotated[list[Condition], msgspec.Meta(max_length=10)] = []
    redact: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=100)]],
        msgspec.Meta(max_length=50, description="Names of fields to be replaced too."),
    ] = []
    seconds: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 300
    events_per_second: Annotated[float, msgspec.Meta(ge=0.1, le=500)] = 50.0
    most_events: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 10_000


class TapNode(msgspec.Struct, frozen=True, kw_only=True):
    """What one node has sent for a tap. `taken` of what the engine sampled; `dropped` for the rate or for room.

    `ended` says why its part is over; `message` is its own word when it refused.
    """

    node_id: UUID
    name: str
    taken: int
    matched: int
    dropped: int
    sent: int
    heard_at: str | None
    ended: str
    message: str


class Tap(msgspec.Struct, frozen=True, kw_only=True):
    """A tap. `ended` is empty while it is open, else why it ended."""

    id: UUID
    pipeline_id: UUID
    component: str
    port: str
    reason: str
    where: list[Condition]
    events_per_second: float
    requested_by: str
    created_at: str
    expires_at: str
    ended_at: str | None
    ended: str
    nodes: list[TapNode]


class TapList(msgspec.Struct, frozen=True):
    """The taps that are open in an environment, and those that ended lately, newest first."""

    items: list[Tap]


class TappedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is shown. `event` is what left the output, with what was replaced, cut or no text marked."""

    node_id: UUID
    at: str
    component: str
    port: str
    kind: str
    event: Any
    cut: bool
    binary: bool
    redacted: int


class CapturedEvent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An event in a capture."""

    event: dict[str, Any]
    at: Annotated[str, msgspec.Meta(max_length=40)] = ""
    node_id: UUID | None = None
    kind: Annotated[str, msgspec.Meta(max_length=20)] = "log"


class CaptureNew(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Events of a tap of yours that shall be kept, for some days."""

    tap_id: UUID
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    events: Annotated[list[CapturedEvent], msgspec.Meta(min_length=1, max_length=MOST_CAPTURE_EVENTS)]
    days: Annotated[int, msgspec.Meta(ge=1, le=30)] = 7


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """A capture, without its events."""

    id: UUID
    pipeline_id: UUID
    component: str
    port: str
    name: str
    reason: str
    events: int
    created_at: str
    created_by: str
    expires_at: str


class CaptureList(msgspec.Struct, frozen=True):
    """A page of captures, newest first."""

    items: list[Capture]
    next_cursor: str | None


class CaptureContent(msgspec.Struct, frozen=True):
    """The events of a capture."""

    capture: Capture
    items: list[CapturedEvent]


class TapWish(msgspec.Struct, frozen=True, kw_only=True):
    """What of a tap's wish is kept beside its row."""

    where: list[Condition]
    events_per_second: float


class TapRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tap as it is stored."""

    id: UUID
    environment_id: UUID
    pipeline_id: UUID
    component: str
    port: str
    reason: str
    wish: TapWish
    account_id: UUID
    requested_by: str
    relay_key: bytes | None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended: str


class TapNodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A node of a tap as it is stored."""

    tap_id: UUID
    node_id: UUID
    name: str
    taken: int
    matched: int
    dropped: int
    sent: int
    heard_at: datetime | None
    ended: str
    message: str | None


class OpenTapRow(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway needs to know before it takes a node's events. `waiting` are batches nobody has read yet."""

    relay_public: bytes
    sequence: int
    waiting: int
    watched: bool


class BatchRow(msgspec.Struct, frozen=True, kw_only=True):
    """Events on their way."""

    node_id: UUID
    body: bytes


class CaptureRow(msgspec.Struct, frozen=True, kw_only=True):
    """A capture as it is stored; `content` only when it was asked for."""

    id: UUID
    environment_id: UUID
    pipeline_id: UUID
    component: str
    port: str
    name: str
    reason: str
    events: int
    created_at: datetime
    created_by: str
    expires_at: datetime
    content: bytes = b""
