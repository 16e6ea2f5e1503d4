"""What is passed around about nodes; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from vectorflow.fleet.selectors import Requirement

NodeStatus = Literal[
    "healthy",
    "degraded",
    "unreachable",
    "pending",
    "revoked",
    "waiting",
    "rejected",
    "stale",
    "leaving",
    "decommissioned",
]
Desired = Literal["run", "hold", "stop"]
Admission = Literal["admitted", "pending", "rejected"]
DuplicateReason = Literal["machine-id", "clone"]


class NodeAuthority(msgspec.Struct, frozen=True):
    """Whose node token it is, and the node's public keys: all that the gateway believes about a caller.

    `used`: it was used before. `succeeded`: a newer token of the node is in use. `told`: statements wait for it.
    """

    organization_id: UUID
    slug: str
    environment_id: UUID
    node_id: UUID
    secret_hash: bytes
    identity_key: bytes
    sealing_key: bytes
    used: bool = True
    succeeded: bool = False
    told: bool = False


class FoundToken(NodeAuthority, frozen=True, kw_only=True):
    """An authority as it was read; `stamp` changes with anything in it."""

    token_id: UUID
    stamp: int


class EnrolmentAuthority(msgspec.Struct, frozen=True):
    """Whose enrolment token it is."""

    organization_id: UUID
    slug: str
    environment_id: UUID
    secret_hash: bytes
    expires_at: datetime
    spent: bool
    revoked: bool
    allowed_addresses: list[str] = []
    approval: bool = False


class EngineInfo(msgspec.Struct, frozen=True):
    """The engine on a node: `vector` or `embedded`."""

    kind: str
    version: str


class NodeRates(msgspec.Struct, frozen=True):
    """Events per second over all pipelines of a node: into its sources, out of its sinks, and errors."""

    received: float
    sent: float
    errors: float


class NodeDuplicate(msgspec.Struct, frozen=True):
    """Why a node may not be a machine of its own.

    `machine-id`: another node has the same machine id. `clone`: it came with a token whose successor another machine
    uses, or (without `of`) two machines speak as this very node.
    """

    reason: DuplicateReason
    of: UUID | None
    name: str | None


class NodeMaintenance(msgspec.Struct, frozen=True, kw_only=True):
    """Maintenance that somebody declared for the node itself. Without `until` it lasts until somebody ends it."""

    since: str
    until: str | None
    note: str


class NodeGroupRef(msgspec.Struct, frozen=True):
    """A group by id, with its present name."""

    id: UUID
    name: str


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A machine with an agent. `reasons` say why it is degraded; times are RFC 3339."""

    id: UUID
    name: str
    hostname: str
    status: NodeStatus
    reasons: list[str]
    last_seen_at: str | None
    enrolled_at: str
    agent_version: str
    engine: EngineInfo
    platform: str
    labels: dict[str, str]
    pipelines_running: int
    pipelines_assigned: int
    rates: NodeRates
    in_maintenance: bool
    duplicate: NodeDuplicate | None
    etag: str


class HostMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The machine at its last heartbeat; sizes in bytes."""

    cpu_percent: float = 0.0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    load1: float = 0.0


class PipelineRef(msgspec.Struct, frozen=True):
    """A pipeline by id, with its present name."""

    id: UUID
    name: str


class ActualState(msgspec.Struct, frozen=True, kw_only=True):
    """What a pipeline was doing on a node at its last heartbeat."""

    state: str
    revision: int | None
    pid: int | None
    started_at: str | None
    restarts: int
    message: str


DifferenceCode = Literal[
    "not-admitted",
    "left",
    "never-heard",
    "not-heard",
    "being-prepared",
    "not-fetched",
    "orders-refused",
    "policy",
    "refused",
    "held",
    "crashed",
    "crash-loop",
    "backoff",
    "starting",
    "stopping",
    "under-way",
]


class Difference(msgspec.Struct, frozen=True):
    """Why a node does not do what it should. `detail` are the node's own words, if it said any; `since` when known."""

    code: DifferenceCode
    detail: str
    since: str | None


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What a node should run of a pipeline, what it does, and why that differs; null when it does as it should."""

    pipeline: PipelineRef
    revision: int
    desired: Desired
    assigned_at: str
    actual: ActualState | None
    difference: Difference | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A node's own word on what it did. `revision` is the number, 0 when the whole bundle is meant."""

    sequence: int
    at: str
    kind: str
    pipeline_id: UUID | None
    revision: int
    reason: str
    message: str
    engine_output: list[str]


class NodeDetail(Node, frozen=True, kw_only=True):
    """A node with its facts, assignments, newest reports and machine."""

    facts: dict[str, Any]
    assignments: list[Assignment]
    reports: list[Report]
    host: HostMetrics | None
    groups: list[NodeGroupRef]
    maintenance: NodeMaintenance | None
    leaving_since: str | None


class NodeCount(msgspec.Struct, frozen=True):
    """How many nodes have a value."""

    value: str
    nodes: int


class NodeSummary(msgspec.Struct, frozen=True):
    """How many nodes a filter finds, by status and by version of the agent."""

    nodes: int
    statuses: list[NodeCount]
    versions: list[NodeCount]


class NodeList(msgspec.Struct, frozen=True):
    """A page of nodes."""

    items: list[Node]
    next_cursor: str | None


class EnrolmentToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token that lets machines enrol; its secret is not here and nowhere else."""

    id: UUID
    name: str
    created_at: str
    created_by: str
    expires_at: str
    uses: int
    max_uses: int
    labels: dict[str, str]
    allowed_addresses: list[str]
    approval: bool
    revoked_at: str | None
    etag: str


class EnrolmentTokenCreated(EnrolmentToken, frozen=True, kw_only=True):
    """A new enrolment token, with the only copy of its text and a command that uses it."""

    token: str
    install_command: str
    agent_url: str
    root_fingerprint: str


class EnrolmentTokenList(msgspec.Struct, frozen=True):
    """A page of enrolment tokens."""

    items: list[EnrolmentToken]
    next_cursor: str | None


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A node with its presence as the store reads it."""

    id: UUID
    name: str
    hostname: str
    status: NodeStatus
    reasons: list[str]
    last_seen_at: datetime | None
    enrolled_at: datetime
    agent_version: str
    engine_kind: str
    engine_version: str
    platform: dict[str, Any]
    labels: dict[str, str]
    running: int
    assigned: int
    received_rate: float
    sent_rate: float
    errors_rate: float
    version: int
    environment_id: UUID | None = None
    duplicate_of: UUID | None = None
    duplicate_reason: DuplicateReason | None = None
    duplicate_name: str | None = None
    clone_suspected: bool = False
    decommission_requested_at: datetime | None = None
    maintenance_since: datetime | None = None
    maintenance_until: datetime | None = None
    maintenance_note: str = ""
    in_maintenance: bool = False
    facts: dict[str, Any] = {}
    host: dict[str, Any] | None = None
    pipelines: list[dict[str, Any]] = []


class AssignmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """An assignment with its pipeline's name.

    `generation` is of the order, `signed` of the newest bundle that was made for the node, `accepted` of the one that it
    accepted last.
    """

    pipeline_id: UUID
    pipeline_name: str
    revision: int
    desired: Desired
    assigned_at: datetime
    reason: str = ""
    generation: int = 0
    signed: int = 0
    accepted: int = 0


class ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """A report as it is stored."""

    node_id: UUID
    sequence: int
    kind: str
    pipeline_id: UUID | None
    number: int
    generation: int
    reason: str
    message: str
    engine_output: list[str]
    at: datetime
    received_at: datetime
    statement_id: UUID | None = None
    run: str = ""
    shares_number: bool = False


class EnrolmentTokenRow(msgspec.Struct, frozen=True, kw_only=True):
    """An enrolment token as it is stored, without its hash."""

    id: UUID
    name: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    uses: int
    max_uses: int
    labels: dict[str, str]
    allowed_addresses: list[str]
    approval: bool
    revoked_at: datetime | None
    version: int


class NewNode(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment stores about a machine."""

    id: UUID
    environment_id: UUID
    name: str
    machine_id: str
    hostname: str
    identity_key: bytes
    sealing_key: bytes
    facts: dict[str, str]
    platform: dict[str, Any]
    labels: dict[str, str]
    agent_version: str
    engine_kind: str
    engine_version: str
    engine_digest: str
    duplicate_of: UUID | None = None
    duplicate_reason: DuplicateReason | None = None
    admission: Admission = "admitted"


class Deployment(msgspec.Struct, frozen=True):
    """What nodes of an environment should have of a pipeline: those of a group, or of the requirements."""

    pipeline_id: UUID
    revision: int
    desired: Desired
    selector: str = ""
    requirements: tuple[Requirement, ...] = ()
    group_id: UUID | None = None


class NodeTarget(msgspec.Struct, frozen=True):
    """A node that a pipeline is or may be assigned to, with what it is assigned now."""

    id: UUID
    name: str
    revision: int | None
    desired: Desired | None


class StoredReport(msgspec.Struct, frozen=True, kw_only=True):
    """A verified report on its way into the database."""

    node_id: UUID
    sequence: int
    kind: str
    pipeline_id: UUID | None
    revision: str
    number: int
    generation: int
    issue: int
    reason: str
    message: str
    engine_output: list[str]
    at: datetime
    envelope: bytes
    statement_id: UUID | None = None
    run: str = ""
