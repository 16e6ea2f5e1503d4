"""Who this node is: its keys, its machine id, its token, and whom it believes."""

import asyncio
import contextlib
import hashlib
import os
import platform as python_platform
import uuid
from pathlib import Path
from typing import Final

import msgspec
import psutil
from nacl.signing import SigningKey

from vectorflow_agent.core.machine import DMI, machine_facts
from vectorflow_agent.shell.disk import Layout, read_optional, write_atomic
from vectorflow_agent.shell.sealing_keys import Protection, SealingKeys
from vectorflow_wire import envelope, keys
from vectorflow_wire.encoding import base64_bytes, base64_text
from vectorflow_wire.messages import AgentKeys, Intervals, Platform
from vectorflow_wire.renewal import ROTATE_AFTER_SECONDS

_FIRMWARE: Final = Path("/sys/class/dmi/id")


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """What enrolment gave this node. Holds the node token: mode 0600, never logged."""

    node_id: str
    node_token: str
    organization: str
    environment: str
    root_key: str
    key_list: msgspec.Raw
    token_digest: str
    """SHA-256 of the enrolment token used: only another token enrols again after a revocation."""
    name: str = ""
    token_since: int = 0
    """When this token was given, epoch ms; 0 for a node of an earlier agent, whose token is old enough."""
    rotate_after_seconds: float = ROTATE_AFTER_SECONDS
    intervals: Intervals = msgspec.field(default_factory=Intervals)

    def __repr__(self) -> str:
        return f"Enrolment(node_id={self.node_id!r})"

    @property
    def root_public(self) -> bytes:
        """The organisation's root key."""
        return keys.public_key(self.root_key)


class Identity:
    """The node's keys, made here and never sent anywhere."""

    def __init__(self, signing: SigningKey, sealing: SealingKeys, machine_id: str) -> None:
        public = bytes(signing.verify_key)
        self.signer = envelope.MemorySigner(signing, keys.key_id(public))
        self.sealing = sealing
        self.machine_id = machine_id
        self._identity = base64_text(public)

    @property
    def public(self) -> AgentKeys:
        """The public keys, as enrolment tells them."""
        return AgentKeys(identity=self._identity, sealing=self.sealing.public)


async def identity_load(layout: Layout, protection: Protection) -> Identity:
    """Read the node's keys, or make them the first time."""
    return await asyncio.to_thread(_identity_load, layout.root, protection)


def _identity_load(root: Path, protection: Protection) -> Identity:
    signing = SigningKey(_secret(root / "identity.key"))
    return Identity(signing, SealingKeys(root, protection), _machine_id(root))


def _secret(path: Path) -> bytes:
    stored = read_optional(path)
    if stored is None:
        made = os.urandom(32)
        write_atomic(path, base64_text(made).encode())
        return made
    return base64_bytes(stored.decode("ascii").strip())


def _machine_id(root: Path) -> str:
    for path in (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id")):
        stored = read_optional(path)
        if stored and stored.strip():
            # The id itself is confidential by its own manual page; a digest tells machines apart as well.
            return hashlib.sha256(b"vectorflow-agent:" + stored.strip()).hexdigest()[:32]
    own = root / "machine-id"
    stored = read_optional(own)
    if stored is None:
        stored = uuid.uuid4().hex.encode()
        write_atomic(own, stored)
    return stored.decode("ascii").strip()


def enrolment_read(layout: Layout) -> Enrolment | None:
    """What enrolment gave, or None before it. Raises ValueError when the file is damaged."""
    stored = read_optional(layout.node)
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=Enrolment)
    except msgspec.MsgspecError:
        raise ValueError(f"{layout.node} is damaged; remove it to enrol again") from None


def enrolment_write(layout: Layout, enrolment: Enrolment) -> None:
    """Keep what enrolment gave, readable by this user alone."""
    write_atomic(layout.node, msgspec.json.encode(enrolment))
    # Apart from the token: who has lost that one can still prove to have been this node.
    write_atomic(layout.root / "node-id", enrolment.node_id.encode())


def node_before(layout: Layout) -> str:
    """The id under which this machine was enrolled before, or empty."""
    return (read_optional(layout.root / "node-id") or b"").decode("ascii", "replace").strip()


def token_digest(token: str) -> str:
    """SHA-256 of an enrolment token, to tell later whether another one is configured."""
    return hashlib.sha256(token.encode()).hexdigest()


def platform_facts() -> Platform:
    """What the machine is."""
    return Platform(
        os=python_platform.system().lower(),
        os_version=python_platform.release(),
        arch=python_platform.machine(),
        cpus=os.cpu_count() or 0,
        memory_bytes=psutil.virtual_memory().total,
        container=Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
    )


def reported_facts(firmware: Path = _FIRMWARE) -> dict[str, str]:
    """What else the machine is, from its own files: no provider is asked, since agents speak with the gateway alone."""
    found = {}
    for name in DMI:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found[name] = (firmware / name).read_text(encoding="ascii").strip()
    try:
        distribution = python_platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        distribution = ""
    kubernetes = "KUBERNETES_SERVICE_HOST" in os.environ
    return machine_facts(found, distribution=distribution, kubernetes=kubernetes)
