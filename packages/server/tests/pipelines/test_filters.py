"""Every statement names the organisation itself: with row-level security out of the way nothing crosses either."""

from uuid import UUID

import pytest

from vectorflow.audit.service import AuditAppender
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.store import data_keys as keys_store
from vectorflow.keys.types import Cell
from vectorflow.pipelines import store
from vectorflow.pipelines.documents import document_columns
from vectorflow.platform.database import Database
from vectorflow.vault.store import secrets as vault_store
from vectorflow.vault.store import uses as uses_store
from vectorflow.vault.types import PipelineUses
from vectorflow_topology.document import Document

DRAFT = document_columns("Taken", "", Document())


@pytest.fixture
async def unfenced(database_url, signer):
    """The superuser, whom no policy stops."""
    database = Database(database_url, signer, size=2, audit_sink=AuditAppender())
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def target(house, world, client, document):
    """What the other organisation would like to reach."""
    await client.post(f"{world.path}/secrets", {"name": "token", "value": "v"})
    made = (await client.post(f"{world.path}/pipelines", {"name": "Orders", "document": document})).json()
    async with house.services.database.transaction(world.organization_id) as txn:
        revision = await house.revisions.make_revision(txn, UUID(made["id"]), "m", SYSTEM)
        secret = (await house.vault.secrets(txn, world.environment_id))[0].secret
    return UUID(made["id"]), secret.id, revision.sha256


async def test_nothing_is_read(unfenced, house, world, other, target) -> None:
    pipeline_id, secret_id, sha256 = target
    async with house.services.database.transaction(world.organization_id) as txn:
        sealed = await house.keys.seal(txn, Cell("d", "t", "c", secret_id, 1), b"v")
    assert sealed
    environment = world.environment_id
    async with unfenced.transaction(world.organization_id) as txn:  # the positive control
        assert await store.pipeline_get(txn, environment, pipeline_id)
        assert await vault_store.secret_version_list_sealed(txn, environment, ["token"])
    async with unfenced.transaction(other.organization_id) as txn:
        page = {"after": None, "limit": 9, "text": None}
        revisions = {"before": None, "limit": 9, "text": None}
        assert await store.pipeline_list(txn, environment, **page) == []
        assert await store.pipeline_get(txn, environment, pipeline_id) is None
        assert await store.pipeline_lock(txn, pipeline_id) is None
        assert await store.pipeline_document(txn, pipeline_id) is None
        assert await store.pipeline_name_taken(txn, environment, "Orders", secret_id) is False
        assert await store.revision_list(txn, pipeline_id, **revisions) == []
        assert await store.revision_get(txn, pipeline_id, 1) is None
        assert await store.revision_content(txn, pipeline_id, 1) is None
        assert await store.revision_yaml(txn, sha256) is None
        assert await store.revision_references(txn, pipeline_id) == []
        assert await store.revision_files(txn) == []
        assert await vault_store.secret_list(txn, environment, **page) == []
        assert await vault_store.secret_lock(txn, environment, secret_id) is None
        assert await vault_store.secret_names(txn, environment, ["token"]) == []
        assert await vault_store.secret_version_list_sealed(txn, environment, ["token"]) == []
        assert await uses_store.use_list(txn, environment, "secret", ["token"]) == []
        mine = await keys_store.data_key_current(txn)
    async with unfenced.transaction(world.organization_id) as txn:
        theirs = await keys_store.data_key_current(txn)
    assert mine is not None
    assert theirs is not None
    assert mine.id != theirs.id


async def test_nothing_is_changed(unfenced, client, world, other, target) -> None:
    pipeline_id, secret_id, _ = target
    before = [(await client.get(f"{world.path}/{each}")).json() for each in ("pipelines", "secrets")]
    async with unfenced.transaction(other.organization_id) as txn:
        assert await store.pipeline_update(txn, pipeline_id, DRAFT, SYSTEM) is None
        await store.pipeline_revised(txn, pipeline_id, 9, DRAFT.document_hash)
        await store.pipeline_delete(txn, pipeline_id)
        assert await vault_store.secret_next_version(txn, secret_id) is None
        await vault_store.secret_delete(txn, secret_id)
        nothing = PipelineUses(pipeline_id, "Taken", frozenset(), frozenset())
        await uses_store.use_replace(txn, world.environment_id, nothing)
    after = [(await client.get(f"{world.path}/{each}")).json() for each in ("pipelines", "secrets")]
    assert after == before
