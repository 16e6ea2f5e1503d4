"""Leaving the control plane for good: what is removed, in which order, and going on with it after a kill."""

import contextlib
import logging
import os
import shutil
from pathlib import Path

import msgspec

from vectorflow_agent.shell.disk import Layout, read_known, remove_tree, write_atomic
from vectorflow_agent.shell.sealing_keys import key_files
from vectorflow_wire.statements import WipeEngines

_log = logging.getLogger(__name__)
_BEFORE_THE_REPORT = (
    "desired.json",
    "contact.json",
    "status.json",
)
_AFTER_IT = (*_BEFORE_THE_REPORT, "node.json", "node-id", "identity.key", "machine-id", "statements.json")


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """A wipe under way (`leaving.json`). `token_digest`: only another enrolment token enrols again."""

    statement: str
    engines: str = WipeEngines.KEEP
    drain_seconds: float = 60.0
    told: bool = False
    done: bool = False
    token_digest: str = ""


def leaving_read(layout: Layout) -> Leaving | None:
    """The wipe that was begun here, or None."""
    return read_known(layout.leaving, Leaving)


def leaving_write(layout: Layout, leaving: Leaving) -> None:
    """Note how far it is, so that it goes on after the agent was killed."""
    write_atomic(layout.leaving, msgspec.json.encode(leaving))


def remove_work(layout: Layout, runtime: Path, leaving: Leaving) -> None:
    """Remove configurations, secrets and the bundle; with engines that go on, not what they write to."""
    for path in runtime.iterdir():
        remove_tree(path)
    pipelines = layout.pipelines
    if leaving.engines == WipeEngines.STOP:
        for path in pipelines.glob("*"):
            remove_tree(path)
        # Else its ids are those of engines that go on, and of their files: nobody else may be given one.
        layout.users.unlink(missing_ok=True)
    else:
        for path in pipelines.glob("*/*"):
            # Checkpoints and buffers belong to an engine that goes on; its configuration it has read.
            if path.name != "data":
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    _remove(layout.root, _BEFORE_THE_REPORT)


def remove_identity(layout: Layout) -> None:
    """Remove token and keys, last of all."""
    _remove(layout.root, _AFTER_IT)
    remove_tree(layout.spool)
    remove_tree(layout.logs)


def _remove(root: Path, names: tuple[str, ...]) -> None:
    for path in (*(root / name for name in names), *key_files(root)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
