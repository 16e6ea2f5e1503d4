"""The agent's settings: from the environment, over a YAML file, over defaults."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
import yaml

from vectorflow_agent.core.policy import Policy

PREFIX: Final = "VECTORFLOW_"
DEFAULT_POLICY: Final = Path("/etc/vectorflow-agent/policy.yaml")

# Names in the environment; the same in lower case without the prefix in the file.
_VARIABLES: Final = {
    "url": "VECTORFLOW_URL",
    "enrolment_token": "VECTORFLOW_ENROLMENT_TOKEN",
    "enrolment_token_file": "VECTORFLOW_ENROLMENT_TOKEN_FILE",
    "root_fingerprint": "VECTORFLOW_ROOT_FINGERPRINT",
    "state_dir": "VECTORFLOW_AGENT_STATE_DIR",
    "runtime_dir": "VECTORFLOW_AGENT_RUNTIME_DIR",
    "engine": "VECTORFLOW_ENGINE",
    "vector_bin": "VECTOR_BIN",
    "engine_bin": "VECTORFLOW_ENGINE_BIN",
    "policy": "VECTORFLOW_POLICY",
    "ca_file": "VECTORFLOW_CA_FILE",
    "client_cert": "VECTORFLOW_CLIENT_CERT",
    "client_key": "VECTORFLOW_CLIENT_KEY",
    "hostname": "VECTORFLOW_HOSTNAME",
    "stop_engines": "VECTORFLOW_STOP_ENGINES",
    "key_protection": "VECTORFLOW_KEY_PROTECTION",
    "engine_users": "VECTORFLOW_ENGINE_USERS",
    "engine_uids": "VECTORFLOW_ENGINE_UIDS",
    "engines_dir": "VECTORFLOW_AGENT_ENGINES_DIR",
    "host_root": "VECTORFLOW_HOST_ROOT",
    "systemctl": "VECTORFLOW_SYSTEMCTL",
    "settle_seconds": "VECTORFLOW_SETTLE_SECONDS",
    "start_timeout_seconds": "VECTORFLOW_START_TIMEOUT_SECONDS",
    "update_confirm_seconds": "VECTORFLOW_UPDATE_CONFIRM_SECONDS",
    "update_free_bytes": "VECTORFLOW_UPDATE_FREE_BYTES",
    "log_level": "VECTORFLOW_LOG_LEVEL",
}


class SettingsInvalid(ValueError):
    """A setting is missing or wrong; the message says which and what to do."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this agent runs. The enrolment token stays out of `repr`."""

    url: str = ""
    """Address of the gateway, for example `https://acme.agents.example.com`."""
    enrolment_token: str = ""
    """Needed once; afterwards the node token in the state folder counts."""
    enrolment_token_file: str = ""
    """File that holds the enrolment token instead; read when it is needed."""
    root_fingerprint: str = ""
    """Fingerprint of the organisation's root key; when given, the root key must have it."""
    state_dir: str = "/var/lib/vectorflow-agent"
    """Folder for everything that must survive a restart."""
    runtime_dir: str = ""
    """Memory-backed folder for opened secrets; empty: one is chosen under /dev/shm or /run."""
    engine: Literal["auto", "vector", "embedded"] = "auto"
    """Which engine runs pipelines; `auto` takes Vector when it is there."""
    vector_bin: str = ""
    """Vector's program; empty: `vector` on PATH."""
    engine_bin: str = ""
    """The embedded engine's program; empty: `vectorflow-engine` beside this Python, or on PATH."""
    policy: str = ""
    """The node's policy file; empty: /etc/vectorflow-agent/policy.yaml when it is there."""
    ca_file: str = ""
    """Certificates (PEM) to trust for the gateway, besides the system's."""
    client_cert: str = ""
    """Certificate (PEM) that this node shows the gateway, where that or a proxy before it asks for one."""
    client_key: str = ""
    """The private key (PEM) of that certificate."""
    hostname: str = ""
    """Name to enrol under; empty: the machine's."""
    stop_engines: bool = False
    """Drain and stop the engines when the agent is told to end; otherwise they go on."""
    key_protection: str = "auto"
    """How the sealing key lies on disk: `auto` encrypts it with systemd's credentials (TPM2) where systemd
    runs the machine and the agent is root, `off` never does; anything else is the path of `systemd-creds`."""
    engine_users: Literal["auto", "on", "off"] = "auto"
    """Run each pipeline's engine as a system user of its own; `auto` does so when the agent is root."""
    engine_uids: str = "60600-61183"
    """The user ids for engines, first and last. They need no entry in the system's list of users."""
    engines_dir: str = ""
    """Folder for what engines read and write, when they have users of their own; empty: beside the state folder."""
    host_root: str = "/"
    """Where the machine's root folder is seen, to find units and configurations of Vectors to take over."""
    systemctl: str = ""
    """The program that starts and stops units that are taken over; empty: `systemctl` on PATH."""
    settle_seconds: float = 1.5
    """How long a new engine must stay up after its health check before it counts as healthy."""
    start_timeout_seconds: float = 30.0
    """How long a new engine may take to answer its health check and to tell its figures."""
    update_confirm_seconds: float = 120.0
    """How long a new version of the agent may take to show that it works, before the one before runs again."""
    update_free_bytes: int = 67_108_864
    """How much disk an update leaves free for what runs."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def state(self) -> Path:
        """The state folder."""
        return Path(self.state_dir)

    @property
    def engines(self) -> Path:
        """Where engines with users of their own have their files: nothing of the agent's lies there."""
        return (
            Path(self.engines_dir) if self.engines_dir else self.state.with_name(f"{self.state.name}-engines")
        )

    @property
    def uids(self) -> range:
        """The user ids for engines. Raises SettingsInvalid."""
        first, _, last = self.engine_uids.partition("-")
        if not first.isdigit() or not last.isdigit() or not 0 < int(first) <= int(last) < 2**32 - 2:
            raise SettingsInvalid(
                "VECTORFLOW_ENGINE_UIDS must look like 60600-61183, the first and the last id"
            )
        return range(int(first), int(last) + 1)

    @property
    def host_name(self) -> str:
        """The name to enrol under."""
        return self.hostname or socket.gethostname()

    def __repr__(self) -> str:
        return f"Settings(url={self.url!r}, state_dir={self.state_dir!r}, engine={self.engine!r})"


def settings_load(environ: Mapping[str, str], config_file: Path | None, **flags: Any) -> Settings:
    """Read settings: flags over environment over file. Raises SettingsInvalid."""
    values = _file_values(config_file) if config_file else {}
    values |= {name: environ[variable] for name, variable in _VARIABLES.items() if environ.get(variable)}
    values |= {name: value for name, value in flags.items() if value is not None}
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(f"a setting is wrong: {_named(error)}") from None
    return settings


def settings_check(settings: Settings) -> None:
    """Check what is needed to run. Raises SettingsInvalid."""
    if not settings.url:
        raise SettingsInvalid("no gateway is set: set VECTORFLOW_URL to its address")
    parts = urlsplit(settings.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
        raise SettingsInvalid("VECTORFLOW_URL must look like https://acme.agents.example.com")
    if bool(settings.client_cert) != bool(settings.client_key):
        raise SettingsInvalid(
            "VECTORFLOW_CLIENT_CERT and VECTORFLOW_CLIENT_KEY are set together, or not at all"
        )
    if settings.settle_seconds < 0 or settings.start_timeout_seconds <= 0:
        raise SettingsInvalid("settle and start times must be positive")
    if settings.engine_users == "on" and os.geteuid() != 0:
        raise SettingsInvalid("VECTORFLOW_ENGINE_USERS=on needs an agent that runs as root")
    settings.uids  # noqa: B018  raises for ids that are wrong


def enrolment_token(settings: Settings) -> str:
    """The enrolment token, or empty when none is set. Raises SettingsInvalid for a file that cannot be read."""
    if not settings.enrolment_token_file:
        return settings.enrolment_token.strip()
    try:
        return Path(settings.enrolment_token_file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsInvalid(
            f"the enrolment token file {settings.enrolment_token_file} cannot be read: {why}"
        ) from None


def policy_load(settings: Settings) -> Policy:
    """The node's policy. A file that is named or there must be right: raises SettingsInvalid."""
    path = Path(settings.policy) if settings.policy else DEFAULT_POLICY
    if not settings.policy and not path.exists():
        return Policy()
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        policy = msgspec.convert(values, Policy)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise SettingsInvalid(f"the policy {path} cannot be used: {error}") from None
    if os.stat(path).st_mode & 0o022:
        raise SettingsInvalid(f"the policy {path} can be changed by others: run chmod go-w {path}")
    return policy


def _file_values(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        # The file may hold a token, so its text is not quoted.
        raise SettingsInvalid(f"{path} is not valid YAML") from None
    if values is None:
        return {}
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise SettingsInvalid(f"{path} must hold settings, one `name: value` a line")
    return values


def _named(error: msgspec.ValidationError) -> str:
    text = str(error)
    for name, variable in _VARIABLES.items():
        text = text.replace(f"`$.{name}`", f"{name} ({variable})")
    return text
