"""Appending, listing, exporting and verifying the logs."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from vectorflow.audit import exporting, store
from vectorflow.audit.chain import canonical_entry, genesis
from vectorflow.audit.errors import AuditRecordNotFoundError
from vectorflow.audit.types import (
    BEHIND_SECONDS,
    AuditFilter,
    AuditPage,
    AuditRow,
    ChainVerdict,
    Checkpoint,
    Facet,
    Head,
    ProofRow,
)
from vectorflow.audit.verifying import Proof, Verifier
from vectorflow.kernel.audit import AuditEntry
from vectorflow.kernel.ids import parse_id
from vectorflow.platform.database import Database, Transaction

_PAGE = 1000
_EXAMINED = 20_000  # records that one page of a search for text looks at
_MOST_RECORDS = 2**63 - 1  # what a sequence can count to
ERASED = "Somebody whose account was erased"


class AuditAppender:
    """The audit sink of the database: appends what a transaction collected, as its last statement."""

    async def append(self, txn: Transaction, entries: Sequence[AuditEntry]) -> None:
        """Append the entries in order; an error rolls the transaction back with its change."""
        await store.audit_append(txn, [canonical_entry(entry) for entry in entries])


async def append_sign_in(txn: Transaction, account_id: UUID, entry: AuditEntry) -> None:
    """Write an account's sign-in, or its refusal, into each of its organisations; needs no scope."""
    await store.audit_sign_in(txn, account_id, [canonical_entry(entry)])


async def append_platform(txn: Transaction, entry: AuditEntry) -> None:
    """Write into the platform's own log, in the transaction of the change."""
    await store.platform_audit_append(txn, [canonical_entry(entry)])


class AuditService:
    """Reads the logs. What concerns the platform's needs a database of the role worker."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def records(
        self,
        organization_id: UUID,
        *,
        wanted: AuditFilter | None = None,
        before: int | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[AuditRow]:
        """Return records, newest first; `before` is the sequence of the last one seen."""
        wanted = wanted or AuditFilter(text=text)
        return (await self.page(organization_id, wanted, before=before, limit=limit)).rows

    async def page(
        self, organization_id: UUID, wanted: AuditFilter, *, before: int | None = None, limit: int = 50
    ) -> AuditPage:
        """Return a page of records, newest first.

        With a text, a page may hold fewer than `limit` and still have a next one: each looks at so many records.
        """
        async with self._database.transaction(organization_id) as txn:
            return await _page(txn, wanted, before=before, limit=limit)

    async def record(self, organization_id: UUID, sequence: int) -> AuditRow:
        """Return one record. Raises `AuditRecordNotFoundError`."""
        if not 0 < sequence < _MOST_RECORDS:
            raise AuditRecordNotFoundError
        found = await self.records(organization_id, before=sequence + 1, limit=1)
        if not found or found[0].sequence != sequence:
            raise AuditRecordNotFoundError
        return found[0]

    async def facets(self, organization_id: UUID) -> tuple[list[Facet], dict[str, str]]:
        """Return what the log can be filtered by, and the names that its people have now."""
        async with self._database.transaction(organization_id) as txn:
            found = await store.audit_facets(txn)
            ids = [each.value for each in found if each.kind == "actor" and parse_id(each.value)]
            known = {each.id: each.name for each in await store.audit_people(txn, ids)} if ids else {}
        return found, known

    async def names(self, organization_id: UUID, rows: Sequence[AuditRow]) -> dict[str, str]:
        """Return the names that the people of some records have now, by account id."""
        async with self._database.transaction(organization_id) as txn:
            return await _names(txn, rows)

    async def proof(self, organization_id: UUID) -> ProofRow | None:
        """Return how far the organisation's log is written, signed and shipped; None before its first record."""
        async with self._database.transaction(organization_id) as txn:
            return await store.audit_proof(txn)

    async def behind(self, now: datetime) -> bool | None:
        """Tell whether shipping is late; None where nothing was ever shipped."""
        async with self._database.unscoped() as txn:
            sealed_at = await store.shipping_sealed_at(txn)
        return None if sealed_at is None else (now - sealed_at).total_seconds() > BEHIND_SECONDS

    async def export_ndjson(self, organization_id: UUID, wanted: AuditFilter) -> AsyncIterator[bytes]:
        """Yield the log as NDJSON. Without a filter it is complete and can be verified offline."""
        head = await self._head(organization_id)
        yield exporting.head_line(organization_id, head, complete=wanted.everything)
        if not wanted.everything:
            async for rows, _ in self._newest_first(organization_id, wanted):
                yield exporting.ndjson_lines(rows, [])
            return
        after = 0
        while after < head.sequence:
            async with self._database.transaction(organization_id) as txn:
                rows = await store.audit_range(txn, after=after, limit=_PAGE)
                rows = [row for row in rows if row.sequence <= head.sequence]
                if not rows:
                    return
                signed = await store.audit_checkpoint_range(txn, after=after, until=rows[-1].sequence)
            yield exporting.ndjson_lines(rows, signed)
            after = rows[-1].sequence

    async def export_csv(self, organization_id: UUID, wanted: AuditFilter) -> AsyncIterator[bytes]:
        """Yield the log as CSV, newest first."""
        yield exporting.csv_lines([], {}, header=True)
        async for rows, names in self._newest_first(organization_id, wanted):
            yield exporting.csv_lines(rows, names, header=False)

    async def verify(
        self,
        organization_id: UUID,
        *,
        trusted: bytes | None = None,
        shipped: Mapping[int, Proof] | None = None,
    ) -> ChainVerdict:
        """Walk an organisation's whole chain with its checkpoints and compare its end with the head."""
        verifier = Verifier(organization_id, trusted=trusted, shipped=shipped)
        async with self._database.transaction(organization_id) as txn:
            head = await store.audit_head(txn)
            after = 0
            while not verifier.broken and (rows := await store.audit_range(txn, after=after, limit=_PAGE)):
                signed = await store.audit_checkpoint_range(txn, after=after, until=rows[-1].sequence)
                _feed(verifier, rows, signed)
                after = rows[-1].sequence
            for each in await store.audit_checkpoint_range(txn, after=after, until=2**62):
                verifier.checkpoint(each)
        return verifier.finish(head)

    async def verify_platform(
        self, *, trusted: bytes | None = None, shipped: Mapping[int, Proof] | None = None
    ) -> ChainVerdict:
        """Walk the platform's chain."""
        verifier = Verifier(None, trusted=trusted, shipped=shipped)
        async with self._database.unscoped() as txn:
            head = await store.platform_audit_head(txn)
            signed = await store.platform_audit_checkpoint_range(txn, after=0, limit=1_000_000)
            after = 0
            while not verifier.broken and (
                rows := await store.platform_audit_range(txn, after=after, limit=_PAGE)
            ):
                _feed(verifier, rows, signed)
                after = rows[-1].sequence
            for each in signed:
                if each.sequence > after:
                    verifier.checkpoint(each)
        return verifier.finish(head)

    async def _head(self, organization_id: UUID) -> Head:
        async with self._database.transaction(organization_id) as txn:
            return await store.audit_head(txn) or Head(0, genesis(organization_id))

    async def _newest_first(
        self, organization_id: UUID, wanted: AuditFilter
    ) -> AsyncIterator[tuple[list[AuditRow], dict[str, str]]]:
        before: int | None = None
        while True:
            async with self._database.transaction(organization_id) as txn:
                page = await _page(txn, wanted, before=before, limit=_PAGE)
                names = await _names(txn, page.rows)
            if page.rows:
                yield page.rows, names
            if page.before is None:
                return
            before = page.before


async def _page(txn: Transaction, wanted: AuditFilter, *, before: int | None, limit: int) -> AuditPage:
    examined = _EXAMINED if wanted.text else limit + 1
    rows = await store.audit_list(txn, wanted, before=before, limit=limit + 1, examined=examined)
    if len(rows) > limit:
        return AuditPage(rows[:limit], rows[limit - 1].sequence)
    if not wanted.text:
        return AuditPage(rows, None)
    return AuditPage(rows, await store.audit_examined(txn, wanted, before=before, examined=examined))


async def _names(txn: Transaction, rows: Sequence[AuditRow]) -> dict[str, str]:
    ids = {str(row.actor["account_id"]) for row in rows if row.actor.get("account_id")}
    known = {each.id: each.name for each in await store.audit_people(txn, sorted(ids))} if ids else {}
    return dict.fromkeys(ids, ERASED) | known


def _feed(verifier: Verifier, rows: Sequence[AuditRow], signed: Sequence[Checkpoint]) -> None:
    by_sequence = {each.sequence: each for each in signed}
    for row in rows:
        verifier.record(row)
        if row.sequence in by_sequence:
            verifier.checkpoint(by_sequence[row.sequence])
