"""Releases for tests: really built from the workspace, signed with a key of the test's own."""

import functools
import hashlib
import platform
import sys
import tempfile
import zipfile
from pathlib import Path

from nacl.signing import SigningKey
from scripts import agent_release

from vectorflow_wire import envelope, releases
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.keys import key_id

from .mini_gateway import HOUR, now_ms
from .real_agent import STANDIN


@functools.cache
def built(version):
    """A release of the agent in this version, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        assert agent_release.main(["build", "--out", folder, "--version", version]) == 0
        (file,) = Path(folder).iterdir()
        return file.read_bytes()


def changed(version, **members):
    """The same with some of its files replaced: a release that was made badly."""
    with tempfile.TemporaryDirectory() as folder:
        whole, target = Path(folder) / "whole.zip", Path(folder) / "changed.zip"
        whole.write_bytes(built(version))
        with zipfile.ZipFile(whole) as before, zipfile.ZipFile(target, "w") as after:
            for name in before.namelist():
                after.writestr(name, members.pop(name, None) or before.read(name))
            for name, data in members.items():
                after.writestr(name, data)
        return target.read_bytes()


def engine_program(version, *, breaks=""):
    """An engine as a release holds it: one file. `breaks` is shell that runs before all else but `--version`."""
    usual = f'exec {sys.executable} -E {STANDIN} --as {version} "$@"'
    guard = f'case "$1" in --version|validate) ;; *) {breaks} ;; esac\n' if breaks else ""
    return f"#!/bin/sh\n{guard}{usual}\n".encode()


class Shelf:
    """An index of releases at a gateway in miniature, and the key it is signed with."""

    def __init__(self, gateway):
        self.gateway, self.key, self.number = gateway, SigningKey.generate(), 0
        self.listed = []

    @property
    def public(self):
        return base64_text(bytes(self.key.verify_key))

    def add(self, data, version, *, program="agent", **changes):
        """List a file; gives its digest."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.gateway.release_files[sha256] = data
        python = f"cp{sys.version_info.major}{sys.version_info.minor}" if program == "agent" else ""
        fields = {
            "program": program,
            "version": version,
            "digest": f"sha256:{sha256}",
            "size": len(data),
            "os": platform.system().lower(),
            "arch": platform.machine(),
            "python": python,
        }
        self.listed.append(releases.Release(**(fields | changes)))
        self.publish()
        return f"sha256:{sha256}"

    def publish(self, *, key=None, number=None, minimum="0.1.0", expires_at=None):
        self.number = self.number + 1 if number is None else number
        key = key or self.key
        index = releases.ReleaseIndex(
            number=self.number,
            issued_at=now_ms() - HOUR,
            expires_at=expires_at or now_ms() + HOUR,
            minimum=minimum,
            releases=tuple(self.listed),
        )
        signer = envelope.MemorySigner(key, key_id(bytes(key.verify_key)))
        self.gateway.release_index = releases.index_sign(index, signer)
