"""Each attack on a log is named at the first bad record, offline from an export and in the database."""

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import rfc8785
from nacl.signing import SigningKey
from typer.testing import CliRunner

from vectorflow.audit import chain, exporting
from vectorflow.audit.checkpoints import CheckpointKey, genuine
from vectorflow.audit.errors import AuditEntryTooLargeError, AuditExportUnreadableError, AuditKeyUnsafeError
from vectorflow.audit.types import AuditRow, Head
from vectorflow.audit.verifying import verify_export
from vectorflow.entry.audit_cli import told
from vectorflow.entry.cli import app
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id

ORGANIZATION = new_id()
START = datetime(2026, 1, 1, tzinfo=UTC)


def hashed(row: AuditRow) -> AuditRow:
    return msgspec.structs.replace(row, hash=chain.record_hash(ORGANIZATION, row))


def chained(count: int, summaries: dict[int, str] | None = None, start: Head | None = None) -> list[AuditRow]:
    head = start or Head(0, chain.genesis(ORGANIZATION))
    rows = []
    for number in range(head.sequence + 1, head.sequence + count + 1):
        summary = (summaries or {}).get(number, f"did {number}")
        row = hashed(
            AuditRow(
                number, START + timedelta(seconds=number), {"kind": "system"}, "a.b", "t", "o", summary, None,
                {"ü": 1}, head.hash, b"",
            )
        )  # fmt: skip
        head = Head(row.sequence, row.hash)
        rows.append(row)
    return rows


@dataclasses.dataclass
class Export:
    """A log of ten records with checkpoints of 4 and 8, and what an attacker makes of it."""

    key: CheckpointKey
    rows: list[AuditRow]
    head: Head | None = None

    def __post_init__(self):
        self.checkpoints = [
            self.key.sign(ORGANIZATION, Head(each.sequence, each.hash), START)
            for each in self.rows
            if each.sequence in (4, 8)
        ]
        self.head = Head(10, self.rows[-1].hash)

    def lines(self) -> list[bytes]:
        text = exporting.head_line(ORGANIZATION, self.head, complete=True)
        return (text + exporting.ndjson_lines(self.rows, self.checkpoints)).splitlines(keepends=True)

    def verdict(self, **options):
        return verify_export(self.lines(), **options)


@pytest.fixture
def key(tmp_path):
    return CheckpointKey(tmp_path)


@pytest.fixture
def export(key):
    return Export(key, chained(10))


def test_a_genuine_log_holds_and_the_unproved_window_is_told(export, key) -> None:
    verdict = export.verdict(trusted=key.public())
    assert (verdict.records, verdict.broken_at, verdict.proved) == (10, None, 8)


@pytest.mark.parametrize("number", [1, 5, 10])
def test_an_edit_is_named(export, number) -> None:
    export.rows[number - 1] = msgspec.structs.replace(export.rows[number - 1], summary="nothing")
    verdict = export.verdict()
    assert (verdict.broken_at, verdict.records) == (number, number - 1)
    assert "changed" in verdict.reason
    assert "BROKEN" in told(verdict)[0]


def test_a_deletion_is_named(export) -> None:
    del export.rows[4]
    verdict = export.verdict()
    assert (verdict.broken_at, verdict.reason) == (6, "record 5 is missing")


def test_a_reordering_is_named(export) -> None:
    export.rows[4], export.rows[5] = export.rows[5], export.rows[4]
    verdict = export.verdict()
    assert verdict.broken_at == 6
    assert "reordered" in verdict.reason


def test_a_repetition_is_named(export) -> None:
    export.rows.insert(5, export.rows[4])
    assert export.verdict().broken_at == 5


def test_a_fork_in_the_file_is_named(export) -> None:
    export.rows[5] = hashed(msgspec.structs.replace(export.rows[5], summary="another"))
    verdict = export.verdict()
    assert verdict.broken_at == 7
    assert "fork" in verdict.reason


def test_a_second_record_of_one_number_is_a_fork(export) -> None:
    export.rows.insert(6, hashed(msgspec.structs.replace(export.rows[5], summary="another")))
    verdict = export.verdict()
    assert verdict.broken_at == 6
    assert "fork" in verdict.reason


def test_a_tail_written_anew_is_a_fork_that_the_checkpoint_proves(export) -> None:
    export.rows = [*export.rows[:5], *chained(5, {6: "another"}, Head(5, export.rows[4].hash))]
    export.head = Head(10, export.rows[-1].hash)
    verdict = export.verdict()
    assert (verdict.broken_at, verdict.proved) == (5, 4)
    assert "records 5 to 8" in verdict.reason


def test_a_tail_written_anew_and_signed_by_another_key_is_refused(export, key, tmp_path) -> None:
    forged = Export(CheckpointKey(tmp_path / "other"), chained(10, {6: "another"}))
    assert forged.verdict().broken_at is None
    verdict = forged.verdict(trusted=key.public())
    assert "not trusted" in verdict.reason


def test_a_cut_tail_is_named(export) -> None:
    del export.rows[9:]
    verdict = export.verdict()
    assert (verdict.broken_at, verdict.records) == (10, 9)
    assert "cut" in verdict.reason


def test_a_cut_tail_with_a_new_head_is_named_by_the_checkpoint(export) -> None:
    lines = export.lines()
    kept = [each for each in lines[1:] if json.loads(each)["sequence"] < 7 or b"checkpoint" in each]
    head = exporting.head_line(ORGANIZATION, Head(6, export.rows[5].hash), complete=True)
    verdict = verify_export([head, *kept])
    assert verdict.broken_at == 7
    assert "cut" in verdict.reason


def test_a_false_signature_is_named(export) -> None:
    export.checkpoints[0] = msgspec.structs.replace(export.checkpoints[0], signature=bytes(64))
    verdict = export.verdict()
    assert verdict.broken_at == 4
    assert "signature" in verdict.reason


def test_a_checkpoint_of_another_chain_proves_nothing(key) -> None:
    checkpoint = key.sign(ORGANIZATION, Head(1, bytes(32)), START)
    assert genuine(ORGANIZATION, checkpoint)
    assert not genuine(new_id(), checkpoint)
    assert not genuine(None, checkpoint)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\xff\n", b"[1]\n", b'{"kind":"head"}\n'])
def test_what_is_no_export_is_refused_in_a_sentence(tmp_path, content) -> None:
    file = tmp_path / "x"
    file.write_bytes(content)
    with pytest.raises(AuditExportUnreadableError):
        verify_export(file.read_bytes().splitlines(keepends=True))


def test_a_broken_line_is_named(export) -> None:
    lines = export.lines()
    lines[3] = b"{\n"
    with pytest.raises(AuditExportUnreadableError, match="Line 4"):
        verify_export(lines)


def test_a_filtered_export_cannot_be_verified(export) -> None:
    head = exporting.head_line(ORGANIZATION, export.head, complete=False)
    with pytest.raises(AuditExportUnreadableError):
        verify_export([head])


def test_the_command_names_the_record_and_its_exit_code_tells(export, key, tmp_path) -> None:
    file = tmp_path / "log.ndjson"
    file.write_bytes(b"".join(export.lines()))
    runner = CliRunner()
    good = runner.invoke(app, ["audit", "verify", str(file), "--key", key.public().hex()])
    assert good.exit_code == 0, good.output
    assert "records 9 to 10 stand after the last checkpoint" in good.output
    file.write_bytes(b"".join(each for each in export.lines() if b'"did 5"' not in each))
    bad = runner.invoke(app, ["audit", "verify", str(file)])
    assert bad.exit_code == 1
    assert "BROKEN at record 6: record 5 is missing" in bad.output
    assert runner.invoke(app, ["audit", "verify"]).exit_code == 2


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [True, None, "x"]},
        {"ü": "é"},
        {"a": 'q"\\'},
        {"a": "\x7f\n\x01"},
        {"\U0001f600": 1, "\ufb33": 2},
    ],
)
def test_the_quick_canonical_form_is_the_standard_one(value) -> None:
    assert chain.canonical(value) == rfc8785.dumps(value)


def test_people_stand_by_reference() -> None:
    account = new_id()
    actor = Actor(ActorKind.ACCOUNT, "Zoe Smith", account, address="192.0.2.1")
    fields = {"action": AuditAction.TEAM_CREATED, "object_type": "t", "object_id": "o", "summary": "s"}
    text = chain.canonical_entry(AuditEntry(actor=actor, **fields))
    assert "Zoe" not in text
    assert str(account) in text
    with pytest.raises(AuditEntryTooLargeError):
        chain.canonical_entry(AuditEntry(actor=actor, after={str(n): "y" * 900 for n in range(90)}, **fields))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\rx"])
def test_no_cell_begins_a_formula(cell) -> None:
    assert exporting.guarded(cell) == f"'{cell}"
    row = msgspec.structs.replace(chained(1)[0], summary=cell)
    assert f"'{cell}" in exporting.csv_lines([row], {}, header=True).decode()


def test_an_unsafe_key_is_refused(key, tmp_path) -> None:
    assert key.public() == CheckpointKey(tmp_path).public()
    file = tmp_path / "keys" / "audit.key"
    assert (tmp_path / "keys" / "audit.pub").read_text().strip() == key.public().hex()
    file.chmod(0o644)
    with pytest.raises(AuditKeyUnsafeError):
        key.public()
    file.chmod(0o600)
    file.write_bytes(bytes(SigningKey.generate())[:31])
    with pytest.raises(AuditKeyUnsafeError):
        key.public()
