"""The node's sealing keys on disk: the present one, those before it that are still needed, and the next.

Where systemd runs the machine, the files are encrypted with its credentials, which a TPM2 holds if there
is one. Elsewhere they lie there as they are: then reading the disk is reading the secrets.
"""

import contextlib
import hashlib
import hmac
import itertools
import logging
import os
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Final

from nacl.public import PrivateKey

from vectorflow_agent.shell.disk import Layout, read_optional, write_atomic
from vectorflow_wire import keys
from vectorflow_wire.encoding import base64_bytes, base64_text

_log = logging.getLogger(__name__)
_NAME: Final = "vectorflow-agent.sealing"
_SEALED: Final = b"systemd-creds\n"
"""First line of a file whose rest is an encrypted credential."""
_SECONDS: Final = 30.0
_MARK: Final = b"vectorflow-agent mark\n"
_CURRENT: Final = "sealing.key"
_NEXT: Final = "sealing.key.next"
_OLD: Final = "sealing.key.old"


class KeyUnreadable(OSError):
    """A sealing key cannot be decrypted on this machine."""


class Protection:
    """How key files are protected on this machine."""

    def __init__(self, program: str) -> None:
        self._program = program

    @property
    def words(self) -> str:
        """The same for a person."""
        if not self._program:
            return "the sealing key lies on disk as it is: whoever reads the disk reads the secrets"
        if self._call("has-tpm2", "--quiet").returncode == 0:
            return "the sealing key is bound to this machine's TPM2"
        return (
            "the sealing key is encrypted with systemd's host key, which lies on the same machine's disk: "
            "whoever reads all of it reads the secrets"
        )

    def close(self, data: bytes) -> bytes:
        """What is written to disk. Raises KeyUnreadable."""
        if not self._program:
            return data
        # No PCRs: the key is to open after an update of the firmware as well.
        return _SEALED + self._done("encrypt", f"--name={_NAME}", "--tpm2-pcrs=", "-", "-", given=data)

    def open(self, data: bytes) -> bytes:
        """What was written. Raises KeyUnreadable."""
        if not data.startswith(_SEALED):
            return data
        return self._done("decrypt", f"--name={_NAME}", "-", "-", given=data.removeprefix(_SEALED))

    def _done(self, *arguments: str, given: bytes) -> bytes:
        done = self._call(*arguments, given=given)
        if done.returncode != 0 or not done.stdout:
            said = done.stderr.decode("utf-8", "replace").strip()[:200]
            raise KeyUnreadable(0, f"systemd-creds {arguments[0]} failed: {said}")
        return done.stdout

    def _call(self, *arguments: str, given: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        program = self._program or "systemd-creds"
        try:
            return subprocess.run(
                [program, *arguments], input=given, capture_output=True, timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise KeyUnreadable(0, f"systemd-creds cannot be used: {error}") from error


def protection_find(wanted: str) -> Protection:
    """The protection of this machine: `auto` where systemd runs it and we are root; a path names a program."""
    if wanted not in {"auto", "off"}:
        return Protection(wanted)
    booted = Path("/run/systemd/system").is_dir() and os.geteuid() == 0
    return Protection((shutil.which("systemd-creds") or "") if wanted == "auto" and booted else "")


def key_files(root: Path) -> list[Path]:
    """The files of all sealing keys that are there."""
    named = (root / _NEXT, root / _CURRENT)
    return [*sorted(root.glob(f"{_OLD}*")), *(path for path in named if os.path.exists(path))]


def named_on_disk(layout: Layout, ids: Collection[str]) -> set[str]:
    """Which of these keys what is applied is sealed to. Raises OSError.

    The record of an engine that has ended keeps no key: its last words are sent soon, or held back without it.
    """
    found: set[str] = set()
    for path in layout.pipelines.glob("*/applied.json"):
        # As text: of a damaged file too.
        stored = read_optional(path) or b""
        found |= {key for key in ids if key.encode() in stored}
    return found


class SealingKeys:
    """The private keys that secrets of this node may be sealed to."""

    def __init__(self, root: Path, protection: Protection) -> None:
        self._root = root
        self._current = root / _CURRENT
        self._next = root / _NEXT
        self._protection = protection
        self._keys: dict[str, bytes] = {}
        self._old: dict[str, Path] = {}
        self._newest: bytes | None = None
        self.problem = ""
        for path in key_files(root):
            private = self._read(path)
            if private is not None:
                self._add(private)
                if path.name.startswith(_OLD):
                    self._old[_id(private)] = path
        if not self._current.exists():
            self._add(self._make(self._current))
        current = self._read(self._current)
        self.public = _public(current) if current is not None else ""
        self._newest = self._read(self._next) or current

    def private(self, key: str) -> bytes | None:
        """The private key with this id, or None."""
        return self._keys.get(key)

    def prepare_next(self) -> str:
        """The public key to send: made once and kept, however often it has to be sent. Raises OSError."""
        private = self._read(self._next)
        if private is None:
            private = self._make(self._next)
        self._add(private)
        self._newest = private
        return _public(private)

    def promote(self) -> None:
        """The next key is the present one now; the present one stays until nothing is sealed to it."""
        if self._next.exists():
            before = self._read(self._current)
            place = self._place_for_old()
            self._current.replace(place)
            if before is not None:
                self._old[_id(before)] = place
            self._next.replace(self._current)
            current = self._read(self._current)
            self.public = _public(current) if current is not None else ""

    def used(self, ids: set[str]) -> None:
        """Take the next key when something is sealed to it."""
        following = self._read(self._next)
        if following is not None and _id(following) in ids:
            # The answer to the last rotation was lost, but the control plane has the key.
            self.promote()

    @property
    def old(self) -> frozenset[str]:
        """The ids of keys that others have taken the place of, and that were still needed."""
        return frozenset(self._old)

    def forget(self, needed: Collection[str]) -> None:
        """Forget the old keys but these; a key that is gone opens nothing ever again. Raises OSError."""
        for key in self.old.difference(needed):
            self._old[key].unlink(missing_ok=True)
            del self._old[key], self._keys[key]

    def mark(self, data: bytes) -> tuple[str, str]:
        """Authenticate what is written to disk: the key's id, and a code (hex). Both empty without a key."""
        # With the next key, once there is one: it is the last to be forgotten.
        newest = self._newest
        return (_id(newest), _code(newest, data)) if newest is not None else ("", "")

    def marked(self, data: bytes, key: str, code: str) -> bool:
        """Whether it was written here, by this node."""
        private = self._keys.get(key)
        return private is not None and hmac.compare_digest(_code(private, data), code)

    def _place_for_old(self) -> Path:
        free = (self._root / (f"{_OLD}.{number}" if number else _OLD) for number in itertools.count())
        return next(path for path in free if not path.exists())

    def _make(self, path: Path) -> bytes:
        made = os.urandom(32)
        write_atomic(path, self._protection.close(base64_text(made).encode()))
        return made

    def _read(self, path: Path) -> bytes | None:
        stored = read_optional(path)
        if stored is None:
            return None
        try:
            private = base64_bytes(self._protection.open(stored).decode("ascii").strip())
        except (KeyUnreadable, ValueError) as error:
            self.problem = f"{path.name} cannot be opened: {error}"
            _log.error("%s; what needs no secrets goes on", self.problem)
            return None
        if not stored.startswith(_SEALED):
            with contextlib.suppress(OSError):
                closed = self._protection.close(stored)
                if closed != stored:
                    write_atomic(path, closed)
        return private

    def _add(self, private: bytes) -> None:
        self._keys[_id(private)] = private


def _code(private: bytes, data: bytes) -> str:
    return hmac.new(private, _MARK + data, hashlib.sha256).hexdigest()


def _public(private: bytes) -> str:
    return base64_text(bytes(PrivateKey(private).public_key))


def _id(private: bytes) -> str:
    return keys.key_id(bytes(PrivateKey(private).public_key))
