"""What the log costs: ``python bench/audit.py [--seconds S] [--records N]``.

Eight organisations append on an embedded PostgreSQL that writes through to disk, five records in each transaction;
then an export of a million records, made here, is verified. The exit code is 1 when a figure was not reached.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import uvloop

from vectorflow.audit import chain, exporting
from vectorflow.audit.checkpoints import CheckpointKey
from vectorflow.audit.service import AuditAppender, AuditService
from vectorflow.audit.types import AuditRow, Head
from vectorflow.audit.verifying import verify_export
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner

ORGANIZATIONS, OF_ONE_TRANSACTION, TO_APPEND, TO_VERIFY = 8, 5, 2000.0, 60.0
CHECKPOINT_EVERY = 1000


def main() -> int:
    """Measure both and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of the appending")
    parser.add_argument("--records", type=int, default=1_000_000, help="records of the export")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="vectorflow-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as nobody when root starts it
        rate = uvloop.run(appending(Path(folder), options.seconds))
        seconds = verifying(Path(folder), options.records)
    allowed = TO_VERIFY * options.records / 1_000_000
    print(f"append, {ORGANIZATIONS} organisations, transactions of {OF_ONE_TRANSACTION}: {rate:,.0f} records/s "
          f"(to reach: {TO_APPEND:,.0f})")  # fmt: skip
    print(f"verify {options.records:,} records: {seconds:.1f} s (to reach: {allowed:.1f})")
    return 0 if rate >= TO_APPEND and seconds <= allowed else 1


async def appending(folder: Path, seconds: float) -> float:
    """Return records per second, and check that every one is there."""
    cluster = EmbeddedPostgres(folder / "postgres")
    await asyncio.to_thread(cluster.start)
    try:
        cluster.ensure_database("bench")
        url = cluster.database_url("bench")
        await asyncio.to_thread(migrate, url, folder)
        signer = ScopeSigner(credentials.scope_key(folder))
        database = Database(role_url(url, Role.APP, folder), signer, size=8, audit_sink=AuditAppender())
        await database.open()
        try:
            organizations = [await organization(database) for _ in range(ORGANIZATIONS)]
            began = time.monotonic()
            written = await asyncio.gather(
                *(append(database, each, began + seconds) for each in organizations)
            )
            spent = time.monotonic() - began
            for each, count in zip(organizations, written, strict=True):
                verdict = await AuditService(database).verify(each)
                assert (verdict.records, verdict.broken_at) == (count, None)
            return sum(written) / spent
        finally:
            await database.close()
    finally:
        await asyncio.to_thread(cluster.stop)


async def organization(database: Database) -> UUID:
    """Make an organisation."""
    organization_id = new_id()
    async with database.transaction(organization_id) as txn:
        await txn.execute(
            "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'A')",
            {"slug": f"b{organization_id.hex[-12:]}"},
        )
    return organization_id


async def append(database: Database, organization_id: UUID, until: float) -> int:
    """Append until the time is over; return how many records."""
    actor = Actor(ActorKind.ACCOUNT, "Zoe", new_id(), address="192.0.2.1")
    count = 0
    while time.monotonic() < until:
        async with database.transaction(organization_id) as txn:
            for number in range(OF_ONE_TRANSACTION):
                await txn.audit(
                    AuditEntry(
                        action=AuditAction.PIPELINE_UPDATED,
                        actor=actor,
                        object_type="pipeline",
                        object_id=str(number),
                        summary="Updated the pipeline Access log.",
                        before={"version": count, "name": "Access log"},
                        after={"version": count + 1, "name": "Access log of the shop"},
                    )
                )
        count += OF_ONE_TRANSACTION
    return count


def verifying(folder: Path, records: int) -> float:
    """Return the seconds that an export takes to verify, with a checkpoint after every thousand records."""
    organization_id, key = new_id(), CheckpointKey(folder)
    path = folder / "log.ndjson"
    with path.open("wb") as file:
        file.write(b" " * 400 + b"\n")  # room for the head, which is known at the end
        head = Head(0, b"")
        for row in made(organization_id, records):
            head = Head(row.sequence, row.hash)
            signed = [key.sign(organization_id, head, row.at)] if row.sequence % CHECKPOINT_EVERY == 0 else []
            file.write(exporting.ndjson_lines([row], signed))
        line = exporting.head_line(organization_id, head, complete=True)
        file.seek(0)
        file.write(line.rstrip(b"\n").ljust(400))
    began = time.monotonic()
    with path.open("rb") as lines:
        verdict = verify_export(lines, trusted=key.public())
    assert (verdict.records, verdict.broken_at) == (records, None)
    return time.monotonic() - began


def made(organization_id: UUID, records: int) -> Iterator[AuditRow]:
    """Yield a chain of records."""
    start, previous = datetime(2026, 1, 1, tzinfo=UTC), chain.genesis(organization_id)
    actor = {"account_id": str(new_id()), "address": "192.0.2.1", "kind": "account"}
    for number in range(1, records + 1):
        row = AuditRow(
            number, start + timedelta(seconds=number), actor, "pipeline.updated", "pipeline", "p",
            "Updated the pipeline Access log.", {"version": number}, {"version": number + 1}, previous, b"",
        )  # fmt: skip
        row = msgspec.structs.replace(row, hash=chain.record_hash(organization_id, row))
        previous = row.hash
        yield row


if __name__ == "__main__":
    sys.exit(main())
