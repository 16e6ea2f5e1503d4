"""Verifying a chain record by record, wherever the records come from; and reading an export for it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.audit.chain import PLATFORM, Chain, check_link, genesis
from vectorflow.audit.checkpoints import genuine
from vectorflow.audit.errors import AuditExportUnreadableError
from vectorflow.audit.types import AuditRow, ChainVerdict, Checkpoint, Head

EXPORT_FORMAT = "vectorflow.audit.v1"
_HEX = ("hash", "previous_hash", "public_key", "signature")


class Proof(msgspec.Struct, frozen=True):
    """A record's hash, as a sealed object outside the database has it, and the last moment that was said."""

    hash: bytes
    at: datetime


class Verifier:
    """Takes records and checkpoints in order; after the first bad one it takes no more.

    `trusted` is the public key that checkpoints must be signed with; None accepts the key they carry. `shipped` are
    the proofs from outside, by the record's number.
    """

    def __init__(
        self, chain: Chain, *, trusted: bytes | None = None, shipped: Mapping[int, Proof] | None = None
    ) -> None:
        self._chain = chain
        self._trusted = trusted
        self._shipped = shipped or {}
        self._head = Head(0, genesis(chain))
        self._fault: tuple[int, str] | None = None
        self._missing: int | None = None
        self._proved = 0
        self._ship_proved = 0

    @property
    def head(self) -> Head:
        """The last record that fits."""
        return self._head

    @property
    def broken(self) -> bool:
        """Whether a bad record was found."""
        return self._fault is not None

    def record(self, row: AuditRow) -> None:
        """Take the next record."""
        if self._fault is not None:
            if row.sequence == self._missing:
                at = self._fault[0]
                self._fault = at, f"it stands before record {row.sequence}: records were reordered"
            return
        reason = check_link(self._chain, row, self._head)
        if reason is None:
            self._head = Head(row.sequence, row.hash)
            self._compare(row)
            return
        self._fault = row.sequence, reason
        if row.sequence > self._head.sequence + 1:
            self._missing = self._head.sequence + 1

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Take a checkpoint, right after the record it proves."""
        if self._fault is not None:
            return
        place = checkpoint.sequence
        if self._trusted not in (None, checkpoint.public_key):
            self._fault = place, "its checkpoint is signed by a key that is not trusted"
        elif not genuine(self._chain, checkpoint):
            self._fault = place, "its checkpoint has a false signature"
        elif place > self._head.sequence:
            self._fault = self._head.sequence + 1, f"the tail was cut: a checkpoint proves {place} records"
        elif place == self._head.sequence and checkpoint.hash != self._head.hash:
            since = self._proved + 1
            self._fault = since, f"a fork: records {since} to {place} are not the ones that were signed"
        elif place == self._head.sequence:
            self._proved = place

    def finish(self, head: Head | None) -> ChainVerdict:
        """Compare the end with the head that is claimed, and with what was shipped, and return the verdict."""
        last = self._head.sequence
        known = max(self._shipped, default=0)
        if self._fault is None and known > last:
            said = f"a checkpoint shipped at {self._shipped[known].at:%Y-%m-%d %H:%M:%S} UTC"
            self._fault = last + 1, f"the tail was cut: {said} proves {known} records"
        if self._fault is None and head is not None and head != self._head:
            if last < head.sequence:
                self._fault = last + 1, "the newest records are missing: the tail was cut"
            else:
                self._fault = last, "the head names another record: a fork"
        at, reason = self._fault or (None, None)
        shipped = self._shipped.get(self._ship_proved)
        return ChainVerdict(
            self._chain,
            last,
            at,
            reason,
            max(self._proved, self._ship_proved),
            self._ship_proved,
            shipped.at if shipped else None,
        )

    def _compare(self, row: AuditRow) -> None:
        proof = self._shipped.get(row.sequence)
        if proof is None:
            return
        if proof.hash == row.hash:
            self._ship_proved = row.sequence
            return
        since = self._ship_proved + 1
        self._fault = since, f"a fork: records {since} to {row.sequence} are not the ones that were shipped"


class ExportHead(msgspec.Struct, frozen=True, tag_field="kind", tag="head"):
    """The first line of an export."""

    format: str
    chain: str
    sequence: int
    hash: str
    complete: bool


def read_head(line: bytes) -> tuple[Chain, Head]:
    """Return whose export begins with this line, and its newest record. Raises `AuditExportUnreadableError`."""
    try:
        head = msgspec.json.decode(line, type=ExportHead)
        chain = None if head.chain == PLATFORM else UUID(head.chain)
        newest = Head(head.sequence, bytes.fromhex(head.hash))
    except (msgspec.MsgspecError, ValueError) as error:
        raise AuditExportUnreadableError from error
    if head.format != EXPORT_FORMAT or not head.complete:
        raise AuditExportUnreadableError
    return chain, newest


def verify_export(
    lines: Iterable[bytes],
    *,
    trusted: bytes | None = None,
    shipped: Mapping[Chain, Mapping[int, Proof]] | None = None,
) -> ChainVerdict:
    """Verify an export. Raises `AuditExportUnreadableError` when it is none, or not a complete one."""
    numbered = iter(lines)
    chain, expected = read_head(next(numbered, b""))
    verifier = Verifier(chain, trusted=trusted, shipped=(shipped or {}).get(chain))
    for item in _items(numbered):
        if isinstance(item, Checkpoint):
            verifier.checkpoint(item)
        else:
            verifier.record(item)
    return verifier.finish(expected)


def record_of(line: bytes) -> AuditRow:
    """Return the record of a line; raises the errors of what it is made from when it is none."""
    item = _item(line)
    if not isinstance(item, AuditRow):
        raise TypeError
    return item


def _item(line: bytes) -> AuditRow | Checkpoint:
    fields: dict[str, Any] = msgspec.json.decode(line)
    kind = fields.pop("kind")
    for name in _HEX:
        if name in fields:
            fields[name] = bytes.fromhex(fields[name])
    if kind == "checkpoint":
        return msgspec.convert(fields, Checkpoint)
    return msgspec.convert(fields, AuditRow)


def _items(lines: Iterator[bytes]) -> Iterator[AuditRow | Checkpoint]:
    for number, line in enumerate(lines, 2):
        try:
            yield _item(line)
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
            message = f"Line {number} of the export cannot be read. {AuditExportUnreadableError.__doc__}"
            raise AuditExportUnreadableError(message) from error
