"""What was found on this machine, and how far a take-over has come."""

from typing import Any, Final

import msgspec


class ConfigFile(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file that a Vector reads; `problem` says why it could not be read here."""

    path: str
    sha256: str = ""
    bytes: int = 0
    problem: str = ""


class UnitFound(msgspec.Struct, frozen=True, kw_only=True):
    """A systemd unit that starts Vector. Of its environment only names are kept."""

    name: str
    files: tuple[str, ...]
    """The unit file and its drop-ins, in the order in which they count."""
    environment_files: tuple[str, ...] = ()
    enabled: str = ""
    """As systemctl says; empty where there is none to ask."""


class Remark(msgspec.Struct, frozen=True):
    """What somebody should look at before taking this Vector over. `blocks`: it cannot be taken over so."""

    id: str
    message: str
    blocks: bool = False


class VectorFound(msgspec.Struct, frozen=True, kw_only=True):
    """One Vector on this machine: a process, a unit, or both."""

    id: str
    """The unit's name, or `pid-<number>`."""
    unit: UnitFound | None = None
    pid: int = 0
    started: str = ""
    user: str = ""
    uid: int = -1
    gid: int = -1
    arguments: tuple[str, ...] = ()
    folder: str = ""
    version: str = ""
    files: tuple[ConfigFile, ...] = ()
    directory: str = ""
    """The configuration directory, when there is one: its files merge by other rules."""
    data_dir: str = ""
    interpolates: bool = False
    """Whether this version puts variables of the environment into its configuration by itself."""
    environment: tuple[str, ...] = ()
    """Names only."""
    addresses: dict[str, str] = {}
    """`api`, and each exporter of metrics by its id."""
    components: dict[str, dict[str, str]] = {}
    """Section → id → type."""
    remarks: tuple[Remark, ...] = ()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A Vector as it was found, with what must not leave the machine: values of variables, texts of files."""

    found: VectorFound
    environment: dict[str, str]
    texts: dict[str, str]
    config: dict[str, Any]


class Step:
    """How far a take-over has come. What ends with `ed` is done."""

    WAITING: Final = "waiting"
    """For a verified bundle that holds the pipeline; nothing was touched."""
    STOPPING: Final = "stopping"
    STOPPED: Final = "stopped"
    """The old one is gone and kept from starting; the new engine is being started."""
    TAKEN: Final = "taken"
    REFUSED: Final = "refused"
    """Before anything was touched; the message says why."""
    ROLLED_BACK: Final = "rolled-back"
    """The new engine did not come up; the old one runs again."""
    RETURNING: Final = "returning"
    RETURNED: Final = "returned"


class TakeOver(msgspec.Struct, frozen=True, kw_only=True):
    """The journal of one take-over, in a file of its own with mode 0600."""

    id: str
    pipeline: str
    """Name or id of the pipeline, as somebody on this machine gave it."""
    step: str
    at: int
    """When this step was reached, epoch ms."""
    message: str = ""
    attempt: int = 1
    pipeline_id: str = ""
    unit: str = ""
    arguments: tuple[str, ...] = ()
    folder: str = ""
    process_environment: dict[str, str] = {}
    """Of a process without a unit: what it is started again with."""
    pid: int = 0
    started: str = ""
    was_active: bool = True
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    data_dir: str = ""
    environment: dict[str, str] = {}
    """What of the old environment the node's policy lets through to the engine."""
    files: dict[str, str] = {}
    """SHA-256 of each configuration and unit file when it was taken over."""
    accept_missing: bool = False
    stop_seconds: float = 60.0
    stop_began: int = 0
    pause_ms: int = 0
    revision: str = ""
    exported: str = ""
