"""Taking reports: what must not be lost. Answered only after commit; commits are shared for 50 ms at most."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet import topics
from vectorflow.fleet.errors import AgentRequestInvalid, GatewayBusy
from vectorflow.fleet.present import pipeline_id_of
from vectorflow.fleet.renewal import suspect_clone
from vectorflow.fleet.statement_types import StatementAnswer
from vectorflow.fleet.statements import take_answers
from vectorflow.fleet.store import reports as store
from vectorflow.fleet.types import NodeAuthority, ReportRow, StoredReport
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.logs import clean_text
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets
from vectorflow.platform.shared_commits import SharedCommits
from vectorflow_wire import envelope, keys
from vectorflow_wire.encoding import EncodingInvalid, base64_bytes
from vectorflow_wire.messages import Report, ReportKind, ReportsAnswer, ReportsRequest

MOST_REPORTS = 200
_MOST_WAITING = 5000
# What a node may have told while it was away for weeks, and more than one whose engines all crash has to tell.
_BURST_BYTES: Final = 64 * 2**20
_BYTES_PER_SECOND: Final = 16 * 1024
_REPORT_COST: Final = 1024
_MESSAGE = 4000
_LINES = 100
_LINE = 2000
_MAX_BIGINT = 2**63 - 1
_DONE = (ReportKind.STATEMENT_DONE, ReportKind.WIPED)
_ANSWERS = (*_DONE, ReportKind.STATEMENT_REFUSED)
_LAST_MOMENT = 253_402_300_799_000  # the last second of the year 9999, epoch ms

Reported = Callable[[Transaction, Sequence[UUID]], Awaitable[None]]
"""Called inside the transaction with the pipelines that were reported on: the room above defers its work."""


class ReportIntake:
    """Verifies, stores and acknowledges reports."""

    def __init__(
        self,
        database: Database,
        *,
        reported: Reported | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reported = reported
        self._count = 0
        self._rates = TokenBuckets(burst=_BURST_BYTES, per_second=_BYTES_PER_SECOND, monotonic=monotonic)
        self.refused = 0
        self._commits = SharedCommits[list[StoredReport]](database, "reports", self._write)

    async def take(self, authority: NodeAuthority, request: ReportsRequest) -> ReportsAnswer:
        """Store the reports of a node; those already stored are acknowledged again.

        Reports are kept for long, so a node's bytes are limited. Raises `AgentRequestInvalid`, `RateLimitedError`,
        `GatewayBusy`, `DatabaseUnavailable`.
        """
        if len(request.reports) > MOST_REPORTS:
            raise AgentRequestInvalid(f"at most {MOST_REPORTS} reports at once")
        try:
            self._rates.check(str(authority.node_id), sum(_cost(each) for each in request.reports))
        except RateLimitedError:
            self.refused += 1
            raise
        taken: list[StoredReport] = []
        refused: dict[int, str] = {}
        for sent in request.reports:
            sequence, result = _verified(authority, sent)
            if isinstance(result, str):
                refused[sequence] = result
            else:
                taken.append(result)
        if taken:
            await self._stored(authority.organization_id, taken)
        return ReportsAnswer(accepted=tuple(each.sequence for each in taken), refused=refused)

    async def close(self) -> None:
        """Let commits that are under way finish."""
        await self._commits.close()

    async def _stored(self, organization_id: UUID, taken: list[StoredReport]) -> None:
        if self._count >= _MOST_WAITING:
            self.refused += 1
            raise GatewayBusy(headers={"Retry-After": "2"})
        self._count += len(taken)
        try:
            await self._commits.add(organization_id, taken)
        finally:
            self._count -= len(taken)

    async def _write(self, txn: Transaction, waiting: Sequence[list[StoredReport]]) -> None:
        # In order of their keys, so that two gateways never wait for each other's rows.
        ordered = sorted(
            (report for taken in waiting for report in taken),
            key=lambda report: (report.node_id, report.sequence, report.run),
        )
        fresh = await store.report_insert(txn, ordered)
        # Two machines that speak as one node count on their own. Both reports of a number stay; that must be seen.
        twins = {row.node_id for row in fresh if row.shares_number} | _twice(fresh)
        if len(fresh) < len(ordered):
            # Sent again, as a rule. But an older agent does not say which of its processes made a report.
            twins.update(await store.report_conflicts(txn, ordered))
        for node_id in sorted(twins):
            await suspect_clone(txn, node_id, "")
        await self._answers(txn, fresh)
        about = sorted({row.pipeline_id for row in fresh if row.pipeline_id is not None})
        if about:
            txn.hint(topics.REPORTS, {"pipeline_ids": about[:HINTED]})
            if self._reported is not None:
                await self._reported(txn, about)

    async def _answers(self, txn: Transaction, fresh: Sequence[ReportRow]) -> None:
        answers = [
            StatementAnswer(
                id=row.statement_id,
                node_id=row.node_id,
                done=row.kind in _DONE,
                wiped=row.kind == ReportKind.WIPED,
                reason=row.reason,
                message=row.message,
            )
            for row in fresh
            if row.statement_id is not None and row.kind in _ANSWERS
        ]
        if answers:
            await take_answers(txn, answers)


HINTED = topics.HINTS_PER_MESSAGE


def _twice(fresh: Sequence[ReportRow]) -> set[UUID]:
    """The nodes that gave one number to several of these reports."""
    counts = Counter((row.node_id, row.sequence) for row in fresh)
    return {node_id for (node_id, _), count in counts.items() if count > 1}


def _cost(sent: envelope.Envelope) -> int:
    """Bytes that a report takes to keep, roughly."""
    return _REPORT_COST + len(sent.encoded())


def _verified(authority: NodeAuthority, sent: envelope.Envelope) -> tuple[int, StoredReport | str]:
    """Return the sequence, and the report to store or why it is refused for good."""
    try:
        claimed = msgspec.json.decode(base64_bytes(sent.payload), type=Report)
    except (EncodingInvalid, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AgentRequestInvalid("a report cannot be read") from error
    try:
        envelope.verify(sent, {keys.key_id(authority.identity_key): authority.identity_key}, envelope.REPORT)
    except envelope.EnvelopeRefused as error:
        return claimed.sequence, error.code
    if claimed.node != str(authority.node_id):
        return claimed.sequence, "report-node"
    if not 0 < claimed.sequence <= _MAX_BIGINT:
        return claimed.sequence, "report-sequence"
    return claimed.sequence, _stored_form(authority, claimed, sent)


def _stored_form(authority: NodeAuthority, report: Report, sent: envelope.Envelope) -> StoredReport:
    return StoredReport(
        node_id=authority.node_id,
        sequence=report.sequence,
        kind=clean_text(report.kind)[:40],
        pipeline_id=pipeline_id_of(report.pipeline),
        revision=clean_text(report.revision)[:128],
        number=_within(report.number, 2**31 - 1),
        generation=_within(report.generation, _MAX_BIGINT),
        issue=_within(report.issue, 2**31 - 1),
        reason=clean_text(report.reason)[:200],
        message=clean_text(report.message)[:_MESSAGE],
        engine_output=[clean_text(line)[:_LINE] for line in report.engine_output[-_LINES:]],
        at=datetime.fromtimestamp(_within(report.at, _LAST_MOMENT) / 1000, UTC),
        envelope=sent.encoded(),
        statement_id=pipeline_id_of(report.statement) if report.statement else None,
        run=clean_text(report.run)[:40],
    )


def _within(value: int, most: int) -> int:
    return max(0, min(value, most))
