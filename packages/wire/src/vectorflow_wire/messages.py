"""The bodies of the agent's calls: enrolment, heartbeat, reports, hints.

Every struct is decoded leniently: fields that are not known are skipped, enums are `str` with known
constants beside them, and optional fields have defaults, so that old and new versions can talk.
Counters are cumulative per pipeline and go on over engine restarts and hand-overs; they began at zero
at `counters_since`, and only a change of that means that they began again.
"""

from typing import Final

import msgspec

from vectorflow_wire.envelope import Envelope

ENROLL_PATH: Final = "/agent/v1/enroll"
DESIRED_PATH: Final = "/agent/v1/desired"
FILES_PATH: Final = "/agent/v1/files/"
STREAM_PATH: Final = "/agent/v1/stream"
HEARTBEAT_PATH: Final = "/agent/v1/heartbeat"
REPORTS_PATH: Final = "/agent/v1/reports"
SCHEMAS_PATH: Final = "/agent/v1/schemas/"
MACHINE_PATH: Final = "/agent/v1/machine"

KEEP_ALIVE_SECONDS: Final = 60.0
"""How long an agent keeps a silent connection, so that not each heartbeat costs a handshake. A gateway keeps it longer."""


class EngineKind:
    """Known values of `EngineFacts.kind`."""

    VECTOR: Final = "vector"
    EMBEDDED: Final = "embedded"


class PipelineState:
    """Known values of `PipelineStatus.state`."""

    STARTING: Final = "starting"
    RUNNING: Final = "running"
    BACKOFF: Final = "backoff"
    CRASH_LOOP: Final = "crash_loop"
    STOPPING: Final = "stopping"
    STOPPED: Final = "stopped"
    REFUSED: Final = "refused"
    """Nothing runs, because the only revision there is was refused."""


class ReportKind:
    """Known values of `Report.kind`."""

    APPLIED: Final = "applied"
    REFUSED: Final = "refused"
    CRASHED: Final = "crashed"
    RESTARTED: Final = "restarted"
    STOPPED: Final = "stopped"
    HELD: Final = "held"
    KEPT: Final = "kept"
    """A pipeline is no longer in the bundle; it goes on as it was."""
    STATEMENT_DONE: Final = "statement-done"
    """The statement `Report.statement` was acted on; the message says how."""
    STATEMENT_REFUSED: Final = "statement-refused"
    """The statement `Report.statement` was not acted on; reason and message say why."""
    WIPED: Final = "wiped"
    """State and secrets are gone by the statement `Report.statement`; token and keys go once this is answered."""

    UPDATED: Final = "updated"
    """The node runs the program of `Report.program` in the version of `Report.version` now."""
    UPDATE_REFUSED: Final = "update-refused"
    """The node did not take that version; reason and message say why. What ran goes on."""
    UPDATE_RETURNED: Final = "update-returned"
    """The node tried that version and went back to the one before; reason and message say why."""


class ReportReason:
    """Known values of `Report.reason` besides the codes of `verify`, `statements` and `releases`."""

    CONFIG_INVALID: Final = "config-invalid"
    SECRET_UNREADABLE: Final = "secret-unreadable"  # noqa: S105  a reason code
    FILE_UNAVAILABLE: Final = "file-unavailable"
    FILE_MISMATCH: Final = "file-mismatch"
    POLICY: Final = "policy"
    PORT_IN_USE: Final = "port-in-use"
    DISK_FULL: Final = "disk-full"
    PERMISSION_DENIED: Final = "permission-denied"
    ENGINE_MISSING: Final = "engine-missing"
    NOT_HEALTHY: Final = "not-healthy"
    RELOAD_REFUSED: Final = "reload-refused"
    EXITED: Final = "exited"
    KILLED: Final = "killed"
    AGENT_ERROR: Final = "agent-error"
    DIGEST_MISMATCH: Final = "digest-mismatch"
    DOWNLOAD_FAILED: Final = "download-failed"
    NOT_SUPERVISED: Final = "not-supervised"
    DOES_NOT_START: Final = "does-not-start"
    NOT_CONFIRMED: Final = "not-confirmed"


class Intervals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How often the agent speaks, in seconds."""

    heartbeat_seconds: float = 15.0
    poll_seconds: float = 15.0


class AgentKeys(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent's public keys, base64 of 32 bytes each: Ed25519 identity and X25519 sealing."""

    identity: str
    sealing: str


class Platform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine the agent runs on."""

    os: str = ""
    os_version: str = ""
    arch: str = ""
    cpus: int = 0
    memory_bytes: int = 0
    container: bool = False


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The engine binary on the node. `digest` is `sha256:<hex>` of the binary, when it was read."""

    kind: str = ""
    version: str = ""
    digest: str = ""


class Machine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `PUT /agent/v1/machine`: what the machine is now, for people to read. Nothing is selected by it."""

    hostname: str
    platform: Platform = msgspec.field(default_factory=Platform)
    facts: dict[str, str] = msgspec.field(default_factory=dict)


class EnrollRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /agent/v1/enroll`; the enrolment token is in `Authorization: Bearer vfe_…`.

    `previous_node_token` re-attaches a machine that was enrolled before; so does `proof`, the envelope of a
    `renewal.ReattachClaim`. A machine id proves nothing: with it alone the machine becomes a new node.
    """

    machine_id: str
    hostname: str
    agent_version: str
    keys: AgentKeys
    platform: Platform = msgspec.field(default_factory=Platform)
    engine: EngineFacts = msgspec.field(default_factory=EngineFacts)
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    previous_node_token: str | None = None
    proof: Envelope | None = None


class EnrollAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who the node is, and whom it may believe.

    `organization`, `environment` are ids with their slugs beside them; `root_key` is base64 of the
    organisation's Ed25519 root key; `key_list` is the root-signed envelope of `keys.KeyList`. While `pending`
    is true a person has yet to admit the node: its bundle holds nothing to run.
    """

    node_id: str
    node_token: str
    organization: str
    organization_slug: str
    environment: str
    environment_slug: str
    root_key: str
    key_list: Envelope
    name: str = ""
    pending: bool = False
    intervals: Intervals = msgspec.field(default_factory=Intervals)


class Durations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How long something took, as cumulative counters: how often it was measured and the sum in microseconds.

    `buckets` says how many of them took at most so many seconds (`+Inf` for more than the engine tells apart) and
    more than the next smaller bound. Empty buckets are left out, so a bound that is not there may exist all the same.
    """

    count: int = 0
    total_us: int = 0
    buckets: dict[str, int] = msgspec.field(default_factory=dict)


class ComponentCounters(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Cumulative counters of one component. Zeroes are left out of the JSON.

    `sent_events` is per output (`_default` when unnamed). `discarded` counts unintentional and
    intentional discards together; `discarded_unintentional` the former alone. `utilization` is 0
    to 1. A maximum of 0 says that the engine names none. `latency` is an event's time in the component with its
    queue, `lag` how old events are when a source takes them in, `wait` how long senders wait to get into the buffer;
    what the engine does not measure is absent.
    """

    id: str
    kind: str = ""
    type: str = ""
    received_events: int = 0
    received_bytes: int = 0
    sent_events: dict[str, int] = msgspec.field(default_factory=dict)
    sent_bytes: int = 0
    errors: int = 0
    discarded: int = 0
    discarded_unintentional: int = 0
    utilization: float | None = None
    buffer_events: int = 0
    buffer_bytes: int = 0
    buffer_max_events: int = 0
    buffer_max_bytes: int = 0
    latency: Durations | None = None
    lag: Durations | None = None
    wait: Durations | None = None


class PipelineStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one pipeline is doing. `revision` and `number` say what runs, not what is wanted.

    `counters_at` is when the counters were read, `counters_since` when they began at zero (epoch ms;
    0 when there are none). Counters do not restart with the engine: the agent adds up its processes.
    """

    id: str
    state: str
    revision: str = ""
    number: int = 0
    desired: str = ""
    pid: int = 0
    started_at: int = 0
    restarts: int = 0
    message: str = ""
    counters_at: int = 0
    counters_since: int = 0
    components: tuple[ComponentCounters, ...] = ()


class HostMetrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The machine, once per heartbeat. Disk figures are of the file system of the agent's state."""

    cpu_percent: float = 0.0
    memory_used_bytes: int = 0
    memory_total_bytes: int = 0
    disk_free_bytes: int = 0
    disk_total_bytes: int = 0
    load1: float = 0.0
    network_received_bytes: int = 0
    network_sent_bytes: int = 0
    uptime_seconds: float = 0.0


class AgentHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The agent about itself. Counts are since it started; `clock_offset_ms` is this clock less the server's."""

    version: str = ""
    started_at: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    stream_connected: bool = False
    poll_errors: int = 0
    heartbeat_errors: int = 0
    reports_waiting: int = 0
    clock_offset_ms: int = 0
    stale: bool = False
    """The bundle is past its half life and was not renewed."""
    message: str = ""


class HeartbeatRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /agent/v1/heartbeat`. `generation` and `issue` are of the bundle accepted last."""

    at: int
    sequence: int
    generation: int = 0
    issue: int = 0
    agent: AgentHealth = msgspec.field(default_factory=AgentHealth)
    engine: EngineFacts = msgspec.field(default_factory=EngineFacts)
    host: HostMetrics | None = None
    pipelines: tuple[PipelineStatus, ...] = ()


class DesiredHint(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Data of the stream's `desired` event: what the node could fetch now."""

    generation: int
    issue: int = 0


class HeartbeatAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the stream would have told. `at` is the server's clock in epoch ms.

    `statements` are envelopes of `statements.Statement`, repeated until the node reports on them.
    `schema_wanted` is the digest of an engine of this node that nobody has described yet.
    """

    generation: int = 0
    issue: int = 0
    at: int = 0
    intervals: Intervals | None = None
    statements: tuple[Envelope, ...] = ()
    schema_wanted: str = ""


class EngineSchema(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `PUT /agent/v1/schemas/{digest}`, compressed with gzip: what the engine says of itself.

    `schema` is the output of `generate-schema`, `listing` that of `list --format json`, both as they came.
    """

    version: str
    schema: msgspec.Raw
    listing: msgspec.Raw


class Report(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What must not be lost: signed as an envelope of type `REPORT` with the node's identity key.

    `sequence` starts at 1 and only grows for a node; (node, sequence, `run`) is what makes a report
    idempotent. `run` is a random word of the agent's process that made it, so that of two machines that
    speak as one node neither loses a report. `pipeline` is empty when the whole bundle is meant. `at` is epoch ms by the node's
    clock. `engine_output` holds the engine's own last lines. `statement` is the id of the statement that
    the report answers, if any.
    """

    node: str
    sequence: int
    at: int
    kind: str
    pipeline: str = ""
    revision: str = ""
    number: int = 0
    generation: int = 0
    issue: int = 0
    reason: str = ""
    message: str = ""
    engine_output: tuple[str, ...] = ()
    statement: str = ""
    program: str = ""
    """`agent` or `engine`, in reports of updates."""
    version: str = ""
    run: str = ""


class ReportsRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Body of `POST /agent/v1/reports`: signed reports in order of their sequence."""

    reports: tuple[Envelope, ...]


class ReportsAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answered after commit: the sequences that need not be sent again (stored, or refused for good)."""

    accepted: tuple[int, ...] = ()
    refused: dict[int, str] = msgspec.field(default_factory=dict)


PROBLEM_PREFIX: Final = "urn:vectorflow:problem:"
"""What the types of problems begin with that the control plane itself names; a proxy in between has others."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The part of an RFC 9457 problem that the agent reads."""

    type: str = ""
    title: str = ""
    detail: str = ""
    status: int = 0
