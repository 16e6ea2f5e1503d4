"""A system user of its own for each pipeline's engine, so that none can read what is another's.

The ids need no entry in the system's list of users. Which pipeline has which id is kept on disk:
an id given to another pipeline would own files that were not meant for it.
"""

import os
import pwd
import threading
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import read_known, write_atomic

_OTHERS_MAY_PASS: Final = 0o001


class UsersExhausted(Exception):
    """Every user id for engines is given to a pipeline: make VECTORFLOW_ENGINE_UIDS larger."""


class Account(msgspec.Struct, frozen=True):
    """Whom an engine runs as."""

    uid: int
    gid: int


class Users:
    """Gives every pipeline its user id, from a range, and remembers it. Safe to use from several threads.

    None is ever given back: the engine of a pipeline that is gone may have left files anywhere it could write.
    """

    def __init__(self, path: Path, ids: range, pipelines: Path | None = None) -> None:
        self._path = path
        self._ids = ids
        self._lock = threading.Lock()
        given = read_known(path, dict[str, int])
        if given is None:
            # None yet, or it was damaged: then whom the data belongs to tells it.
            given = _owners(pipelines, ids) if pipelines is not None else {}
        self._given = given

    @property
    def probe(self) -> Account:
        """An account to try with whether a user of engines reaches a program."""
        return Account(self._ids[-1], self._ids[-1])

    def account(self, pipeline: str) -> Account:
        """The account of a pipeline, given now if it has none. Raises UsersExhausted, OSError."""
        with self._lock:
            if pipeline not in self._given:
                taken = set(self._given.values())
                free = next((uid for uid in self._ids if uid not in taken and not _known(uid)), None)
                if free is None:
                    raise UsersExhausted(UsersExhausted.__doc__)
                given = {**self._given, pipeline: free}
                # On disk first: an id used but forgotten could be given a second time.
                write_atomic(self._path, msgspec.json.encode(given))
                self._given = given
            return Account(self._given[pipeline], self._given[pipeline])


def users_wanted(settings: Settings) -> bool:
    """Whether engines are to run as other users than the agent."""
    return settings.engine_users == "on" or (settings.engine_users == "auto" and os.geteuid() == 0)


def obstacle(path: Path) -> Path | None:
    """The first folder on the way to a path that other users cannot pass, or None."""
    for parent in (*reversed(path.resolve().parents), path):
        if parent.is_dir() and not parent.stat().st_mode & _OTHERS_MAY_PASS:
            return parent
    return None


def hand_over(path: Path, account: Account) -> None:
    """Give a folder with all that is in it to an account, without ever following a link."""
    if path.stat(follow_symlinks=False).st_uid == account.uid:
        return
    for _, folders, files, descriptor in os.fwalk(path, follow_symlinks=False):
        for name in (*folders, *files):
            os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
    os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _owners(pipelines: Path, ids: range) -> dict[str, int]:
    """Which pipeline's data belongs to which of these users."""
    owners = {path.parent.name: path.stat(follow_symlinks=False).st_uid for path in pipelines.glob("*/data")}
    return {pipeline: uid for pipeline, uid in owners.items() if uid in ids}


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
