"""The agent's state folder: where things lie, atomic writes, the lock."""

import contextlib
import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO, TypeVar

import msgspec

_T = TypeVar("_T")
_log = logging.getLogger(__name__)


class StateLocked(Exception):
    """Another agent uses this state folder; stop it, or set VECTORFLOW_AGENT_STATE_DIR to another one."""


class Layout(msgspec.Struct, frozen=True):
    """Where things lie in the state folder."""

    root: Path

    @property
    def node(self) -> Path:
        """Who this node is, with its token."""
        return self.root / "node.json"

    @property
    def desired(self) -> Path:
        """The last accepted reply with the signed bundle, as it came."""
        return self.root / "desired.json"

    @property
    def contact(self) -> Path:
        """When the control plane was last heard, where secrets are kept for a limited time."""
        return self.root / "contact.json"

    @property
    def status(self) -> Path:
        """What `vectorflow-agent status` shows."""
        return self.root / "status.json"

    @property
    def spool(self) -> Path:
        """Reports not yet acknowledged."""
        return self.root / "spool"

    @property
    def logs(self) -> Path:
        """Log lines not yet acknowledged."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held by the running agent."""
        return self.root / "agent.lock"

    @property
    def statements(self) -> Path:
        """Ids of statements acted on, until they expire."""
        return self.root / "statements.json"

    @property
    def engine(self) -> Path:
        """Which engine an update brought."""
        return self.root / "engine.json"

    @property
    def leaving(self) -> Path:
        """A wipe under way, or done."""
        return self.root / "leaving.json"

    @property
    def users(self) -> Path:
        """Which pipeline's engine runs as which user id."""
        return self.root / "users.json"

    @property
    def pipelines(self) -> Path:
        """One folder for each pipeline. A link leads out of here when engines have users of their own."""
        path = self.root / "pipelines"
        return path.resolve() if path.is_symlink() else path

    def pipeline(self, pipeline: str) -> "PipelineLayout":
        """Where one pipeline's things lie. Ids are checked: they come from outside."""
        if not pipeline or not all(letter.isalnum() or letter in "-_" for letter in pipeline):
            raise ValueError("a pipeline id may hold letters, digits, hyphens and underscores only")
        return PipelineLayout(self.pipelines / pipeline)


class PipelineLayout(msgspec.Struct, frozen=True):
    """Where one pipeline's things lie. Engines run with `root` as their folder."""

    root: Path

    @property
    def applied(self) -> Path:
        """What is applied, and which instance runs it."""
        return self.root / "applied.json"

    @property
    def counters(self) -> Path:
        """The counter book."""
        return self.root / "counters.json"

    @property
    def data(self) -> Path:
        """The engine's data_dir: checkpoints and disk buffers."""
        return self.root / "data"

    @property
    def files(self) -> Path:
        """Files by content, named `files/<sha256>` in configurations."""
        return self.root / "files"

    @property
    def instances(self) -> Path:
        """One folder for each engine process."""
        return self.root / "engines"

    def revision(self, revision: str) -> Path:
        """The compiled configuration of a revision, as it was fetched."""
        return self.root / revision / "pipeline.yaml"

    def instance(self, instance: int) -> Path:
        """Folder of one engine process."""
        return self.instances / str(instance)


def folder(path: Path, group: int | None = None) -> Path:
    """Make a folder that only this user can open, and the group with this id when one is given."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if group is not None:
        os.chown(path, -1, group)
        path.chmod(0o750)
    return path


def passage(path: Path) -> Path:
    """Make a folder that others can pass through to what they know by name, but not list."""
    path.mkdir(mode=0o711, parents=True, exist_ok=True)
    path.chmod(0o711)
    return path


def write_atomic(path: Path, data: bytes, *, group: int | None = None, sync: bool = True) -> None:
    """Write a file so that after a crash either the old or the new content is there, whole.

    Only this user can read it, and the group with this id when one is given.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            if group is not None:
                os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), 0o600 if group is None else 0o640)
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if sync:
        to_disk(path.parent)


def readable(path: Path, group: int | None) -> None:
    """Let a group read a file, besides this user."""
    if group is not None:
        os.chown(path, -1, group, follow_symlinks=False)
        path.chmod(0o640)


def read_optional(path: Path) -> bytes | None:
    """A file's content, or None when there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def read_known(path: Path, kind: type[_T], *, set_aside: bool = True) -> _T | None:
    """What a file of the agent's own holds, or None. Of a damaged one the log tells.

    It is set aside as `<name>.damaged`; else it stays where it is, for what will be written over it by itself.
    """
    data = read_optional(path)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, ValueError):
        if not set_aside:
            _log.error("%s is damaged and is left out", path)
            return None
        _log.error("%s is damaged: it is set aside as %s.damaged and left out", path, path.name)
        path.rename(path.with_name(f"{path.name}.damaged"))
        return None


def sha256_hex(data: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file as 64 hex digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_tree(path: Path) -> None:
    """Remove a folder and what is in it; what cannot be removed stays."""
    shutil.rmtree(path, ignore_errors=True)


def lock_take(path: Path) -> IO[bytes]:
    """Lock the state folder for this process; the lock ends with the file. Raises StateLocked."""
    folder(path.parent)
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise StateLocked(StateLocked.__doc__) from None
    return file


def lock_held(path: Path) -> bool:
    """Tell whether an agent runs on this state folder."""
    if not path.exists():
        return False
    try:
        lock_take(path).close()
    except StateLocked:
        return True
    return False


def to_disk(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk itself, so that a power cut cannot lose it."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def tree_to_disk(path: Path) -> None:
    """The same for a folder with all that is in it."""
    for place, _, names in os.walk(path, topdown=False):
        for name in names:
            to_disk(Path(place, name))
        to_disk(Path(place))
