"""What lies in the bucket: objects with the platform's records, and sealed objects with checkpoints of all chains.

Here they are written as bytes and read back from a folder, without network, so that anybody can verify them.
A sealed object is signed over the digests of its lines, so a line can be withheld: an organisation is given its
own lines and the digests of all others, and still sees the seal hold.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.audit.chain import PLATFORM, Chain, canonical, chain_name
from vectorflow.audit.checkpoints import genuine
from vectorflow.audit.errors import AuditShippedUnreadableError
from vectorflow.audit.exporting import ndjson_lines
from vectorflow.audit.seals import Seal, seal_holds
from vectorflow.audit.types import AuditRow, Checkpoint, Head
from vectorflow.audit.verifying import Proof, record_of
from vectorflow.kernel.clock import rfc3339

RECORDS, CHECKPOINTS = "platform/records/", "checkpoints/"


class Shipped(msgspec.Struct):
    """What a folder proves: for each chain the records that sealed objects name, and when the last one was made."""

    proofs: dict[Chain, dict[int, Proof]]
    at: datetime | None

    def of(self, chain: Chain) -> Mapping[int, Proof]:
        """Return the proofs of one chain."""
        return self.proofs.get(chain, {})


def records_key(rows: Sequence[AuditRow], *, fork: bool = False) -> str:
    """Return the name of an object with records; one that forks what was shipped has its hash in the name."""
    ending = f"-{rows[0].hash.hex()[:16]}" if fork else ""
    return f"{RECORDS}{rows[0].sequence:012d}{ending}.ndjson"


def records_body(rows: Sequence[AuditRow]) -> bytes:
    """Return the object's content; the same records make the same bytes."""
    return ndjson_lines(rows, [])


def checkpoints_key(at: datetime) -> str:
    """Return the name of a sealed object."""
    moment = rfc3339(at)
    return f"{CHECKPOINTS}{moment[:10]}/{moment[11:].replace(':', '')}.ndjson"


def head_line(chain: Chain, head: Head) -> bytes:
    """Return the line that tells a chain's newest record."""
    return canonical(
        {"chain": chain_name(chain), "hash": head.hash.hex(), "kind": "head", "sequence": head.sequence}
    )


def checkpoint_line(chain: Chain, checkpoint: Checkpoint) -> bytes:
    """Return the line of a checkpoint that the worker has signed."""
    return canonical(
        {
            "at": rfc3339(checkpoint.at),
            "chain": chain_name(chain),
            "hash": checkpoint.hash.hex(),
            "kind": "checkpoint",
            "public_key": checkpoint.public_key.hex(),
            "sequence": checkpoint.sequence,
            "signature": checkpoint.signature.hex(),
        }
    )


def digest_of(lines: Iterable[bytes]) -> bytes:
    """Return what a seal signs: the SHA-256 over the SHA-256 of each line, or over what a withheld one says."""
    whole = hashlib.sha256()
    for line in lines:
        fields = _fields(line)
        withheld = fields.get("kind") == "withheld"
        whole.update(bytes.fromhex(fields["digest"]) if withheld else hashlib.sha256(line).digest())
    return whole.digest()


def sealed_body(lines: Sequence[bytes], seal: Seal) -> bytes:
    """Return a sealed object's content."""
    last = {
        "algorithm": seal.algorithm,
        "at": rfc3339(seal.at),
        "kind": "seal",
        "public_key": seal.public_key.hex(),
        "signature": seal.signature.hex(),
    }
    return b"\n".join([*lines, canonical(last), b""])


def withheld(body: bytes, keep: Chain) -> bytes | None:
    """Return a sealed object with the lines of one chain alone, the others by digest; None without any line of it."""
    *lines, seal = body.splitlines()
    name = chain_name(keep)
    own = [_fields(line).get("chain") == name for line in lines]
    if not any(own):
        return None
    kept = [
        line if mine else canonical({"digest": hashlib.sha256(line).hexdigest(), "kind": "withheld"})
        for line, mine in zip(lines, own, strict=True)
    ]
    return b"\n".join([*kept, seal, b""])


def read_shipped(folder: Path, *, sealed_by: bytes | None = None, trusted: bytes | None = None) -> Shipped:
    """Read all sealed objects of a folder. Raises `AuditShippedUnreadableError` for one whose seal does not hold.

    `sealed_by` is the shipper's public key, `trusted` the one that signs checkpoints; None accepts any.
    """
    shipped = Shipped({}, None)
    for path in _files(folder / CHECKPOINTS):
        try:
            _take(shipped, path.read_bytes(), sealed_by, trusted)
        except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            reason = str(error) if isinstance(error, _Refused) else "it cannot be read"
            message = f"{path.relative_to(folder)} proves nothing: {reason}."
            raise AuditShippedUnreadableError(message) from error
    return shipped


def shipped_records(folder: Path) -> Iterator[AuditRow]:
    """Yield the platform's records of a folder in order; a repetition that equals is left out, a fork is not."""
    seen: list[bytes] = []
    for path in _files(folder / RECORDS):
        try:
            rows = [record_of(line) for line in path.read_bytes().splitlines()]
        except (ValueError, KeyError, TypeError, AttributeError, msgspec.MsgspecError) as error:
            message = f"{path.relative_to(folder)} cannot be read. {AuditShippedUnreadableError.__doc__}"
            raise AuditShippedUnreadableError(message) from error
        for row in rows:
            known = 0 < row.sequence <= len(seen)
            if known and seen[row.sequence - 1] == row.hash:
                continue
            if row.sequence == len(seen) + 1:
                seen.append(row.hash)
            yield row


class _Refused(ValueError):
    """Why a sealed object is not believed."""


def _take(shipped: Shipped, body: bytes, sealed_by: bytes | None, trusted: bytes | None) -> None:
    *lines, last = body.splitlines()
    fields = _fields(last)
    if fields["kind"] != "seal":
        raise _Refused("it has no seal")
    seal = msgspec.convert(
        {name: bytes.fromhex(fields[name]) if name in ("public_key", "signature") else fields[name]
         for name in ("at", "algorithm", "public_key", "signature")},
        Seal,
    )  # fmt: skip
    if sealed_by not in (None, seal.public_key):
        raise _Refused("it is sealed by a key that is not trusted")
    if not seal_holds(seal, digest_of(lines)):
        raise _Refused("its seal is false")
    for line in lines:
        entry = _fields(line)
        if entry["kind"] != "withheld":
            _prove(shipped, entry, seal.at, trusted)
    shipped.at = max(filter(None, (shipped.at, seal.at)))


def _prove(shipped: Shipped, entry: Mapping[str, Any], sealed_at: datetime, trusted: bytes | None) -> None:
    chain = None if entry["chain"] == PLATFORM else UUID(entry["chain"])
    number, digest = int(entry["sequence"]), bytes.fromhex(entry["hash"])
    if entry["kind"] == "checkpoint":
        checkpoint = Checkpoint(
            number,
            digest,
            msgspec.convert(entry["at"], datetime),
            bytes.fromhex(entry["public_key"]),
            bytes.fromhex(entry["signature"]),
        )
        if trusted not in (None, checkpoint.public_key) or not genuine(chain, checkpoint):
            raise _Refused(f"its checkpoint of record {number} has a false signature")
    if number > 0:
        # Objects come in the order of their time. What was said first of a record stays: a second, different
        # statement is the mark of a fork, which the log in hand then shows.
        known = shipped.proofs.setdefault(chain, {})
        first = known.setdefault(number, Proof(digest, sealed_at))
        if first.hash == digest:
            known[number] = Proof(digest, max(first.at, sealed_at))


def _fields(line: bytes) -> dict[str, Any]:
    return msgspec.json.decode(line, type=dict[str, Any])


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.ndjson") if path.is_file())
