"""An organisation's life over the API and the real roles: read-only when suspended, exported, deleted, and gone."""

import dataclasses
import gzip
import io
import json
import tarfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from packages.server.tests.entry.conftest import World, make_world

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.platform.catalogue import RowMaker, read_tables
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database, Transaction
from vectorflow.tenancy.errors import ExportUnreadableError, OrganizationNotFoundError
from vectorflow.tenancy.lifecycle import archive
from vectorflow.tenancy.lifecycle.erasing import Eraser
from vectorflow.tenancy.lifecycle.exporting import HIDDEN_COLUMNS, LEFT_OUT, Exporter, ExportSigner
from vectorflow.tenancy.lifecycle.service import LifecycleService
from vectorflow_wire.keys import root_fingerprint


@dataclasses.dataclass
class Hands:
    """The database as each role that has a part in an organisation's life."""

    operator: LifecycleService
    eraser: Eraser
    exporter: Exporter
    signer: ExportSigner
    signing: SigningService
    signer_database: Database
    owner_url: str


@pytest.fixture(scope="module")
async def hands(database, database_url, state_dir, signer) -> AsyncIterator[Hands]:
    opened: list[Database] = []

    async def role(name: Role) -> Database:
        made = Database(role_url(database_url, name, state_dir), signer, size=2, audit_sink=AuditAppender())
        await made.open()
        opened.append(made)
        return made

    operator, worker, signer_database = [
        await role(each) for each in (Role.OPERATOR, Role.WORKER, Role.SIGNER)
    ]
    worker_keys = KeyService(worker, LocalKeyFile(state_dir))
    signing = SigningService(KeyService(signer_database, LocalKeyFile(state_dir)), SystemClock())

    async def shred(txn: Transaction) -> datetime:
        return (await worker_keys.shred(txn)).complete_at

    yield Hands(
        LifecycleService(operator),
        Eraser(worker, shred),
        Exporter(database, SystemClock(), "test"),
        ExportSigner(signer_database, signing),
        signing,
        signer_database,
        database_url,
    )
    for each in opened:
        await each.close()


@pytest.fixture
async def living(services, hands) -> World:
    """An organisation of this test's own, with its signing keys."""
    made = await make_world(services)
    async with hands.signer_database.transaction(made.organization_id) as txn:
        await hands.signing.ensure_signing_keys(txn)
    return made


async def test_a_suspended_organisation_can_only_be_read(signed_in, living, hands) -> None:
    owner = await signed_in(living, "owner")
    address = f"/api/v1/orgs/{living.slug}"
    assert (await owner.request("PUT", f"{address}/settings", json={"name": "Before"})).status_code == 200
    assert await hands.operator.suspend(living.organization_id, "an invoice is open", SYSTEM)
    assert not await hands.operator.suspend(living.organization_id, "again", SYSTEM)
    seen = (await owner.get(address)).json()
    assert (seen["state"], seen["suspended_reason"]) == ("suspended", "an invoice is open")
    for path in ("environments/dev/pipelines", "audit", "members"):
        assert (await owner.get(f"{address}/{path}")).status_code == 200
    refused = await owner.request("PUT", f"{address}/settings", json={"name": "After"})
    assert refused.status_code == 423
    assert refused.json()["type"].endswith("tenancy.organization-suspended")
    body = {"name": "x", "description": "", "document": {"format": 1}}
    answer = await owner.request("POST", f"{address}/environments/dev/pipelines", json=body)
    assert answer.status_code == 423
    assert (
        await owner.request("POST", f"{address}/exports")
    ).status_code == 202  # one's own data stays one's own
    assert await hands.operator.resume(living.organization_id, SYSTEM)
    assert (await owner.request("PUT", f"{address}/settings", json={"name": "After"})).status_code == 200
    actions = [each["action"] for each in (await owner.get(f"{address}/audit")).json()["items"]]
    assert {"organization.suspended", "organization.resumed", "organization.renamed"} <= set(actions)


async def test_nobody_but_operators_suspends(living, database) -> None:
    async with database.transaction(living.organization_id) as txn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await txn.execute("update organizations set suspended_at = now(), suspended_reason = 'x'")


async def test_only_an_owner_deletes_and_can_think_again(signed_in, living) -> None:
    owner, admin = await signed_in(living, "owner"), await signed_in(living, "admin")
    address = f"/api/v1/orgs/{living.slug}"
    wanted = {"slug": living.slug}
    assert (await admin.request("POST", f"{address}/deletion", json=wanted)).status_code == 403
    wrong = await owner.request("POST", f"{address}/deletion", json={"slug": "other"})
    assert wrong.status_code == 422
    asked = await owner.request("POST", f"{address}/deletion", json=wanted)
    due = datetime.fromisoformat(asked.json()["deletion_due_at"])
    assert timedelta(days=29) < due - datetime.now(UTC) <= timedelta(days=30)
    frozen = await owner.request("PUT", f"{address}/settings", json={"name": "x"})
    assert frozen.status_code == 423
    assert frozen.json()["type"].endswith("tenancy.organization-leaving")
    assert (await owner.request("POST", f"{address}/deletion", json=wanted)).status_code == 423
    assert (await owner.request("DELETE", f"{address}/deletion")).status_code == 204
    assert (await owner.request("DELETE", f"{address}/deletion")).status_code == 409
    assert (await owner.request("PUT", f"{address}/settings", json={"name": "x"})).status_code == 200


async def test_the_grace_cannot_be_cut_by_whoever_writes_the_columns(living, database) -> None:
    async with database.transaction(living.organization_id) as txn:
        await txn.execute(
            "update organizations set deletion_requested_at = '2000-01-01', deletion_due_at = '2000-02-01'"
        )
        due = await txn.value("select deletion_due_at - now() from organizations")
    assert due == timedelta(days=7)


async def _exported(living: World, hands: Hands, signed_in: Any, folder: Path) -> Path:
    owner = await signed_in(living, "owner")
    address = f"/api/v1/orgs/{living.slug}/exports"
    made = (await owner.request("POST", address)).json()
    assert made["state"] == "waiting"
    early = await owner.get(f"{address}/{made['id']}/archive")
    assert early.status_code == 409
    await hands.exporter.run(living.organization_id, {"export_id": made["id"]})
    assert await hands.signer.sweep() >= 1
    listed = (await owner.get(address)).json()["items"]
    assert listed[0]["state"] == "ready"
    fetched = await owner.get(f"{address}/{made['id']}/archive")
    assert fetched.status_code == 200
    assert len(fetched.content) == listed[0]["bytes"]
    path = folder / "export.tar.gz"
    path.write_bytes(fetched.content)
    assert (await (await signed_in(living, "admin")).get(address)).status_code == 403
    return path


def _fill(owner_url: str, organization_id: UUID) -> set[str]:
    """Give the organisation a row in every table; return the tables."""
    with psycopg.connect(owner_url) as connection:
        tables = read_tables(connection)
        maker = RowMaker(tables)
        names = {
            name for name, each in tables.items() if each.tenant_column and each.kind in ("r", "p") and not each.partition_of
        } - {"public.organizations", "public.organization_slugs"}  # fmt: skip
        maker.adopt("public.organizations", organization_id, {"id": str(organization_id)})
        for name in sorted(
            names - {"public.audit_heads", "public.audit_records", "public.audit_checkpoints"}
        ):
            with connection.transaction():
                try:
                    with connection.transaction():
                        maker.insert(connection, name, organization_id, 7)
                except psycopg.errors.UniqueViolation:
                    pass  # there is such a row already
    return names


async def test_an_export_is_complete_and_genuine(living, hands, signed_in, tmp_path) -> None:
    tables = _fill(hands.owner_url, living.organization_id)
    path = await _exported(living, hands, signed_in, tmp_path)
    async with hands.signer_database.transaction(living.organization_id) as txn:
        root = (await hands.signing.root_key(txn)).public
    verdict = archive.verify(path, root_fingerprint(root))
    assert verdict.manifest.slug == living.slug
    assert verdict.audit.records > 5
    files = {each.name: each for each in verdict.manifest.files}
    exported = {f"public.{name[5:-7]}" for name in files if name.startswith("data/")} - {
        "public.organizations"
    }
    assert exported | set(LEFT_OUT) >= tables, (
        f"neither exported nor left out with a reason: {tables - exported - set(LEFT_OUT)}"
    )
    assert not exported & set(LEFT_OUT)
    assert all(files[f"data/{name[7:]}.ndjson"].rows for name in exported)
    with tarfile.open(path) as opened:
        people = opened.extractfile("people.ndjson")
        assert people is not None
        addresses = [json.loads(line)["email"] for line in people]
        texts = [
            file.read() for each in opened.getmembers() if (file := opened.extractfile(each)) is not None
        ]
    assert {living.email(name) for name in living.people} <= set(addresses)
    for column in HIDDEN_COLUMNS:
        assert not any(f'"{column}"'.encode() in each for each in texts), column
    with pytest.raises(ExportUnreadableError, match="another root key"):
        archive.verify(path, root_fingerprint(bytes(32)))


async def test_a_changed_export_is_not_believed(living, hands, signed_in, tmp_path) -> None:
    path = await _exported(living, hands, signed_in, tmp_path)
    content = gzip.decompress(path.read_bytes())

    def changed(old: bytes, new: bytes) -> Path:
        assert old in content
        assert len(old) == len(new)
        other = tmp_path / "changed.tar.gz"
        other.write_bytes(gzip.compress(content.replace(old, new)))
        return other

    slug = living.slug.encode()
    with pytest.raises(ExportUnreadableError):
        archive.verify(changed(b'"slug":"core"', b'"slug":"cora"'), None)
    with pytest.raises(ExportUnreadableError):
        archive.verify(
            changed(b"Created organization " + slug.upper(), b"Created organization " + slug), None
        )
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ExportUnreadableError):
        archive.verify(cut, None)
    # a file left out of tar and manifest alike: the signature notices
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(content)) as source,
        tarfile.open(fileobj=target, mode="w") as rebuilt,
    ):
        for member in source:
            if member.name != "people.ndjson":
                rebuilt.addfile(member, source.extractfile(member))
    missing = tmp_path / "missing.tar.gz"
    missing.write_bytes(gzip.compress(target.getvalue()))
    with pytest.raises(ExportUnreadableError):
        archive.verify(missing, None)


async def test_nothing_is_left_when_the_grace_is_over(living, hands, signed_in, services, world) -> None:
    tables = _fill(hands.owner_url, living.organization_id)
    before = _counts(hands.owner_url, tables, world.organization_id)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not due"):
        await hands.eraser.erase(living.organization_id)
    owner = await signed_in(living, "owner")
    await owner.request("POST", f"/api/v1/orgs/{living.slug}/deletion", json={"slug": living.slug})
    await hands.eraser.run()
    assert (await owner.get(f"/api/v1/orgs/{living.slug}")).status_code == 200
    with psycopg.connect(hands.owner_url) as connection:
        connection.execute("alter table organizations disable trigger deletion_stamp")
        connection.execute(
            "update organizations set deletion_requested_at = now() - interval '31 days', "
            "deletion_due_at = now() - interval '1 day' where id = %s",
            [living.organization_id],
        )
        connection.execute("alter table organizations enable trigger deletion_stamp")
    await hands.eraser.run()
    after = _counts(hands.owner_url, tables | {"public.organizations"}, living.organization_id)
    assert {name: count for name, count in after.items() if count} == {}
    assert _counts(hands.owner_url, tables, world.organization_id) == before
    (gone,) = [each for each in await hands.operator.erasures() if each.slug == living.slug]
    assert gone.complete_at > datetime.now(UTC) + timedelta(days=30)
    with pytest.raises(OrganizationNotFoundError):
        await services.tenancy.access(living.people["owner"], living.slug)
    with psycopg.connect(hands.owner_url) as connection:
        assert connection.execute(
            "select count(*) from organization_slugs where slug = %s", [living.slug]
        ).fetchone() == (1,)
        notice = connection.execute(
            "select after from platform_audit where action = 'organization.erased' and object_id = %s",
            [str(living.organization_id)],
        ).fetchone()
        noted = connection.execute(
            "select count(*) from vf.revocations where relation = 'public.organizations' and key ->> 'id' = %s",
            [str(living.organization_id)],
        ).fetchone()
    assert notice is not None
    assert notice[0]["slug"] == living.slug
    assert notice[0]["complete_at"][:10] == gone.complete_at.isoformat()[:10]
    assert noted == (1,)


def _counts(url: str, tables: set[str], organization_id: UUID) -> dict[str, int]:
    with psycopg.connect(url) as connection:
        known = read_tables(connection)
        found = {}
        for name in tables:
            statement = f"select count(*) from {name} where {known[name].tenant_column} = %s"
            row = connection.execute(statement, [organization_id]).fetchone()
            found[name] = int(row[0]) if row else -1
    return found
