"""`pipelines.jobs`: contents that nothing names go after an hour, and what a version or a revision names stays."""

import psycopg
import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.actor import SYSTEM
from vectorflow.pipelines.jobs import remove_unused
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.vault.lookup_files import LookupFileService

FILES = LookupFileService(1000)


async def chunks(content: bytes):
    yield content


async def kept(house, world, name: str) -> bytes:
    """Upload a file of this name and return its digest."""
    async with FILES.upload() as upload:
        await upload.take(chunks(f"{name},{world.slug}\n".encode()))
        async with house.services.database.transaction(world.organization_id) as txn:
            made = await FILES.create(
                txn, SYSTEM, world.environment_id, name=name, description="", upload=upload
            )
    return made.sha256


async def dropped(house, world, name: str) -> None:
    async with house.services.database.transaction(world.organization_id) as txn:
        rows = await FILES.files(txn, world.environment_id, text=name)
        (row,) = [each for each in rows if each.name == name]
        await FILES.delete(txn, SYSTEM, world.environment_id, row)


@pytest.fixture
async def worker(database_url, state_dir, signer):
    url = role_url(database_url, Role.WORKER, state_dir)
    database = Database(url, signer, size=2, audit_sink=AuditAppender())
    await database.open()
    yield database
    await database.close()


async def test_only_what_nothing_names_goes_and_only_after_an_hour(  # noqa: PLR0917 - fixtures
    house, world, client, document, worker, database_url
) -> None:
    digests = {name: await kept(house, world, name) for name in ("named", "revised", "old", "young")}
    made = await client.post(f"{world.path}/pipelines", {"name": "Orders", "document": document})
    assert made.status_code == 201, made.text
    for name in ("revised", "old", "young"):
        await dropped(house, world, name)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """insert into revisions (organization_id, id, pipeline_id, number, sha256, yaml, document, document_hash,
                component_count, secrets, files, stores, surroundings, target, message, created_by)
            values (%s, gen_random_uuid(), %s, 1, sha256('y'), 'y', '{}', sha256('y'), 1, '{}', %s, '{}', '{}', '',
                'm', 'Test')""",
            [world.organization_id, made.json()["id"], [digests["revised"].hex()]],
        )
        connection.execute(
            "update vault_files set created_at = now() - interval '2 hours' where sha256 = any(%s)",
            [[digests[each] for each in ("named", "revised", "old")]],
        )
    await remove_unused(worker, FILES)
    async with house.services.database.transaction(world.organization_id) as txn:
        left = [name for name, sha256 in digests.items() if await FILES.part(txn, sha256, 0) is not None]
    assert left == ["named", "revised", "young"]
    assert await kept(house, world, "old") == digests["old"]  # it can come again
