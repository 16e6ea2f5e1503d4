"""The log as a file: NDJSON, which can be verified offline, and CSV for a spreadsheet."""

import csv
import io
from collections.abc import Sequence

import msgspec

from vectorflow.audit.chain import Chain, chain_name
from vectorflow.audit.types import AuditRow, Checkpoint, Head
from vectorflow.audit.verifying import EXPORT_FORMAT, ExportHead
from vectorflow.kernel.clock import rfc3339

COLUMNS = (
    "sequence", "at", "actor", "actor_name", "address", "action", "object_type", "object_id", "summary", "before",
    "after", "hash",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def head_line(chain: Chain, head: Head, *, complete: bool) -> bytes:
    """Return the first line; `complete` says that no filter left records out."""
    line = ExportHead(EXPORT_FORMAT, chain_name(chain), head.sequence, head.hash.hex(), complete)
    return msgspec.json.encode(line) + b"\n"


def ndjson_lines(rows: Sequence[AuditRow], checkpoints: Sequence[Checkpoint]) -> bytes:
    """Return records, each followed by its checkpoint where there is one."""
    signed = {each.sequence: each for each in checkpoints}
    return b"".join(
        _line("record", row) + (_line("checkpoint", signed[row.sequence]) if row.sequence in signed else b"")
        for row in rows
    )


def csv_lines(rows: Sequence[AuditRow], names: dict[str, str], *, header: bool) -> bytes:
    """Return records as CSV; no cell can begin a formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header:
        writer.writerow(COLUMNS)
    for row in rows:
        actor = row.actor.get("account_id") or row.actor.get("node_id") or row.actor.get("kind", "")
        name = names.get(str(actor), row.actor.get("name", ""))
        before, after = (
            msgspec.json.encode(each).decode() if each else "" for each in (row.before, row.after)
        )
        cells = (
            row.sequence, rfc3339(row.at), actor, name, row.actor.get("address") or "", row.action, row.object_type,
            row.object_id, row.summary, before, after, row.hash.hex(),
        )  # fmt: skip
        writer.writerow([guarded(str(each)) for each in cells])
    return text.getvalue().encode()


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _line(kind: str, value: AuditRow | Checkpoint) -> bytes:
    fields = msgspec.structs.asdict(value)
    fields = {name: each.hex() if isinstance(each, bytes) else each for name, each in fields.items()}
    return msgspec.json.encode({"kind": kind, **fields, "at": rfc3339(value.at)}) + b"\n"
