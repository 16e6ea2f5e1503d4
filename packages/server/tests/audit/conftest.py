"""A database of the test's own, a bucket that really refuses, and a shipper between them."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from packages.server.tests.conftest import clone
from packages.server.tests.platform.egress.conftest import authority, ca_file, make, resolver
from packages.server.tests.platform.egress.servers import http_server
from packages.server.tests.platform.locked_store import ACCESS, BUCKET, REGION, SECRET, LockedStore
from prometheus_client import CollectorRegistry

from vectorflow.audit.checkpoints import CheckpointKey
from vectorflow.audit.jobs import sign_checkpoints
from vectorflow.audit.seals import FileSealKey
from vectorflow.audit.service import AuditAppender, append_platform
from vectorflow.audit.shipping import Shipper, ShippingMetrics
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.platform import aws
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.s3 import S3Bucket, S3Place

__all__ = ["authority", "ca_file", "make", "resolver"]


class StoppedClock:
    """Goes on a second each time it is asked, and as far as a test says."""

    def __init__(self) -> None:
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass
class Bench:
    """All that ships, and what an attacker and a customer have in hand."""

    url: str
    app: Database
    worker: Database
    store: LockedStore
    bucket: S3Bucket
    key: CheckpointKey
    seal: FileSealKey
    clock: StoppedClock
    registry: CollectorRegistry
    folder: Path
    shipper: Any = None

    def another_shipper(self, seal: Any = None) -> Shipper:
        self.registry = CollectorRegistry()
        self.shipper = Shipper(
            self.worker,
            self.bucket,
            seal or self.seal,
            self.clock,
            retention=timedelta(days=30),
            metrics=ShippingMetrics(self.registry),
        )
        return self.shipper

    async def organization(self) -> UUID:
        organization_id = new_id()
        async with self.app.transaction(organization_id) as txn:
            await txn.execute(
                "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'A')",
                {"slug": f"a{organization_id.hex[-12:]}"},
            )
        return organization_id

    async def platform(self, count: int, summary: str = "Did") -> None:
        async with self.app.unscoped() as txn:
            for number in range(count):
                await append_platform(txn, entry(f"{summary} {number}"))

    async def write(self, organization_id: UUID, count: int, summary: str = "Did") -> None:
        async with self.app.transaction(organization_id) as txn:
            for number in range(count):
                await txn.audit(entry(f"{summary} {number}"))

    async def sign(self) -> None:
        await sign_checkpoints(self.worker, self.key, self.clock)

    async def download(self) -> Path:
        """Bring the first version of each object into a new folder."""
        folder = self.folder / secrets.token_hex(4)
        for key, version in await self.bucket.first_versions():
            path = folder / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(await self.bucket.get(key, version))
        return folder

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"vectorflow_audit_{name}", labels) or 0.0


def entry(summary: str) -> AuditEntry:
    return AuditEntry(
        action=AuditAction.TEAM_CREATED, actor=SYSTEM, object_type="team", object_id="t", summary=summary
    )


class Held:
    """The shipper's own access key."""

    async def credentials(self) -> aws.AwsCredentials:
        return aws.AwsCredentials(ACCESS, SECRET)


@pytest.fixture
async def bench(state_dir, signer, make, tmp_path):
    url = clone(f"ship_{secrets.token_hex(4)}")
    app = Database(role_url(url, Role.APP, state_dir), signer, size=3, audit_sink=AuditAppender())
    worker = Database(role_url(url, Role.WORKER, state_dir), signer, size=3)
    await app.open()
    await worker.open()
    store = LockedStore()
    async with http_server(store) as server:
        place = S3Place(f"http://127.0.0.1:{server.port}/", REGION, BUCKET, "vf/")
        limits = EgressLimits(total_seconds=1, redirects=0)
        async with make(f"127.0.0.1:{server.port}").egress.http(
            Caller("audit.ship"), limits=limits
        ) as client:
            made = Bench(
                url, app, worker, store, S3Bucket(client, Held(), place), CheckpointKey(tmp_path),
                FileSealKey(tmp_path), StoppedClock(), CollectorRegistry(), tmp_path / "downloads",
            )  # fmt: skip
            made.another_shipper()
            yield made
    await app.close()
    await worker.close()
