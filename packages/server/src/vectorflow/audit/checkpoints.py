"""Checkpoints: a chain's newest record, signed by a key of its own that only the worker reads."""

import contextlib
import os
import secrets
import stat
from datetime import datetime
from pathlib import Path

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from vectorflow.audit.chain import Chain, canonical, chain_name
from vectorflow.audit.errors import AuditKeyUnsafeError
from vectorflow.audit.types import Checkpoint, Head
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.credentials import write_private

_SEED_BYTES = 32


def statement(chain: Chain, sequence: int, digest: bytes, at: datetime) -> bytes:
    """Return what a checkpoint signs."""
    return canonical(
        {
            "at": rfc3339(at),
            "chain": chain_name(chain),
            "format": "vectorflow.audit.checkpoint.v1",
            "hash": digest.hex(),
            "sequence": sequence,
        }
    )


def genuine(chain: Chain, checkpoint: Checkpoint) -> bool:
    """Tell whether the signature is good for this chain."""
    text = statement(chain, checkpoint.sequence, checkpoint.hash, checkpoint.at)
    try:
        VerifyKey(checkpoint.public_key).verify(text, checkpoint.signature)
    except (BadSignatureError, ValueError):
        return False
    return True


class KeyFile:
    """An Ed25519 key in a file of mode 0600, made at first use; its public half lies beside it as ``.pub``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> SigningKey:
        """Return the key, making it where there is none. Raises `AuditKeyUnsafeError`."""
        if not self._path.exists():
            self._create()
        with self._path.open("rb") as file:
            open_to_others = stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077
            seed = file.read(_SEED_BYTES + 1)
        if open_to_others or len(seed) != _SEED_BYTES:
            raise AuditKeyUnsafeError
        return SigningKey(seed)

    def _create(self) -> None:
        fresh = self._path.with_name(f"{self._path.name}.{secrets.token_hex(4)}")
        seed = os.urandom(_SEED_BYTES)
        write_private(fresh, seed)
        # A link never replaces: of two processes that start at once, one key wins and both use it.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, self._path)
        fresh.unlink()
        public = bytes(SigningKey(self._path.read_bytes()).verify_key)
        write_private(self._path.with_suffix(".pub"), public.hex().encode() + b"\n")


class CheckpointKey:
    """The key in ``<state>/keys/audit.key``; its public half, ``audit.pub``, is for whoever verifies."""

    def __init__(self, state_dir: Path) -> None:
        self._file = KeyFile(state_dir / "keys" / "audit.key")

    def sign(self, chain: Chain, head: Head, at: datetime) -> Checkpoint:
        """Return a checkpoint of a chain's newest record. Raises `AuditKeyUnsafeError`."""
        key = self._file.read()
        signed = key.sign(statement(chain, head.sequence, head.hash, at))
        return Checkpoint(head.sequence, head.hash, at, bytes(key.verify_key), signed.signature)

    def public(self) -> bytes:
        """Return the public half, making the key where there is none. Raises `AuditKeyUnsafeError`."""
        return bytes(self._file.read().verify_key)
