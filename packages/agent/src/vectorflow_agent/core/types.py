"""Events that happen to a pipeline, commands that follow, and the state between them."""

import hashlib
from typing import Final

import msgspec

from vectorflow_wire.bundles import BundlePipeline

CRASH_LIMIT: Final = 10
"""More crashes than this in a row are a crash loop."""
UP_SECONDS: Final = 60.0
"""An engine that was up this long has its crashes forgiven."""
LONGEST_WAIT: Final = 60.0


def spec_key(spec: BundlePipeline) -> str:
    """What makes two specifications the same to run: revision and versions of secrets.

    Sealed bytes do not count: they differ on every sealing.
    """
    versions = ",".join(sorted(f"{secret.name}@{secret.version}" for secret in spec.secrets))
    return (
        f"{spec.revision}+{hashlib.sha256(versions.encode()).hexdigest()[:16]}" if versions else spec.revision
    )


class Phase:
    """What a pipeline's runner is waiting for."""

    IDLE: Final = "idle"
    PREPARING: Final = "preparing"
    STARTING: Final = "starting"
    RELOADING: Final = "reloading"
    DRAINING: Final = "draining"
    STOPPING: Final = "stopping"
    BACKOFF: Final = "backoff"


class Refusal(msgspec.Struct, frozen=True):
    """A specification that was tried and did not work."""

    key: str
    attempt: int
    reason: str


class State(msgspec.Struct, frozen=True, kw_only=True):
    """One pipeline on this node. `at` values are seconds of a monotonic clock."""

    pipeline: str
    phase: str = Phase.IDLE
    wanted: BundlePipeline | None = None
    """What the bundle says; None when the bundle does not name the pipeline."""
    applied: BundlePipeline | None = None
    """What was last found healthy: it runs, or is to be started again."""
    stopped: bool = False
    """The last order carried out was to stop; nothing is applied then."""
    live: int | None = None
    """Instance that runs `applied`."""
    cut_off: int | None = None
    """Instance that an earlier agent was reloading when it ended: it may run something else than `applied`."""
    candidate: BundlePipeline | None = None
    instance: int | None = None
    """Instance of the candidate, while one is being prepared or started."""
    taken_up: int | None = None
    """Instance that an earlier agent had begun to start; how such an engine ends cannot be known."""
    once_more: bool = False
    """An engine of the candidate was killed before it was found healthy, and this is the second try."""
    next_instance: int = 1
    crashes: int = 0
    restarts: int = 0
    healthy_at: float | None = None
    refused: Refusal | None = None
    told_refusal: Refusal | None = None
    missing: bool = False
    """What the wanted specification needs could not be had; until tried again, the applied one counts."""
    tries: int = 0
    """How often in a row a preparation beside what runs has failed for what may pass; a new order begins anew."""
    told: str = ""
    """The last `held`, `kept` or `stopped` report, so that each is sent once."""
    timer: int = 0
    message: str = ""

    @property
    def again(self) -> bool:
        """Whether the candidate is the applied specification started again, not a new one."""
        return (
            self.candidate is not None
            and self.applied is not None
            and spec_key(self.candidate) == spec_key(self.applied)
        )


class Desired(msgspec.Struct, frozen=True):
    """The bundle says this about the pipeline; None when it says nothing."""

    spec: BundlePipeline | None


class Prepared(msgspec.Struct, frozen=True):
    """Files are there and the engine accepts them."""

    instance: int


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """Preparing, starting or reloading did not work.

    After a failed start no process of that instance is left; after a failed reload the engine runs
    the old configuration. `transient` says that only something outside is missing for the moment, and
    `patience` for how many seconds at the least it is not to be asked for again.
    """

    instance: int
    at: float
    reason: str
    message: str
    output: tuple[str, ...] = ()
    transient: bool = False
    patience: float = 0.0


class Healthy(msgspec.Struct, frozen=True):
    """The instance answered its health check and stayed up (or took a reload over)."""

    instance: int
    at: float


class Exited(msgspec.Struct, frozen=True, kw_only=True):
    """The instance's process ended, asked for or not."""

    instance: int
    at: float
    reason: str
    message: str
    output: tuple[str, ...] = ()


class Woke(msgspec.Struct, frozen=True):
    """A timer went off."""

    timer: int
    at: float


class RestartAsked(msgspec.Struct, frozen=True):
    """A person wants the engine restarted with what it runs."""

    drain_seconds: float


Event = Desired | Prepared | Failed | Healthy | Exited | Woke | RestartAsked


class Prepare(msgspec.Struct, frozen=True):
    """Fetch, check and write what the specification needs. `check`: let the engine validate it."""

    spec: BundlePipeline
    instance: int
    check: bool


class Start(msgspec.Struct, frozen=True):
    """Start a prepared instance and say whether it becomes healthy."""

    spec: BundlePipeline
    instance: int


class Reload(msgspec.Struct, frozen=True):
    """Give the live instance the files of a prepared one, and prove that it took them."""

    spec: BundlePipeline
    live: int
    instance: int


class Stop(msgspec.Struct, frozen=True):
    """Drain and end an instance."""

    instance: int
    drain_seconds: float


class Wake(msgspec.Struct, frozen=True):
    """Send `Woke` after at least this many seconds (the shell adds jitter)."""

    timer: int
    seconds: float


class Save(msgspec.Struct, frozen=True):
    """Keep on disk what is applied, for the next start of the agent."""

    applied: BundlePipeline | None
    live: int | None
    stopped: bool


class Tell(msgspec.Struct, frozen=True, kw_only=True):
    """Report to the control plane, at least once."""

    kind: str
    spec: BundlePipeline
    reason: str = ""
    message: str = ""
    output: tuple[str, ...] = ()


Command = Prepare | Start | Reload | Stop | Wake | Save | Tell

Step = tuple[State, tuple[Command, ...]]
"""The state after an event, and what is to be done now."""
