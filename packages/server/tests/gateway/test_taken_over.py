"""Code run inside a gateway or an API: with all that those processes hold it can neither read a secret nor make a
bundle that a node accepts. It can withhold, and nodes go on with what they have.
"""

import base64
import time

import msgspec
import psycopg
import pytest
from nacl.signing import SigningKey

from vectorflow.delivery.types import NewRollout
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire import envelope, keys, verify
from vectorflow_wire.bundles import DesiredAnswer

SECRET = "canary-5f1b0c"


@pytest.fixture
async def held(world):
    """Two nodes with a pipeline that has a secret."""
    agents = await world.agents(2)
    async with world.scoped() as txn:
        await world.house.vault.create(txn, SYSTEM, world.environment_id, "token", SECRET)
    pipeline_id = await world.pipeline(secret="token")
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(batch_size=2)
        )
    await world.sign()
    for agent in agents:
        await agent.poll()
    return agents


def databases(world):
    """What the processes gateway and API connect with: their pools, which sign scopes for any organisation."""
    gateway = world.house.gateway
    return {
        "gateway": gateway.tokens._database,
        "telemetry": gateway.ingest._database,
        "api": world.house.app,
    }


async def tables(world) -> list[str]:
    async with world.scoped() as txn:
        cursor = await txn.connection.execute(
            "select quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name from pg_class c join pg_namespace n on n.oid = c.relnamespace "
            "where c.relkind in ('r', 'p', 'v') and n.nspname in ('public', 'jobs', 'vf') order by 1"
        )
        return [row["name"] for row in await cursor.fetchall()]


async def columns(world, table: str) -> list[str]:
    async with world.scoped() as txn:
        cursor = await txn.connection.execute(
            "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped",
            [table],
        )
        return [row["attname"] for row in await cursor.fetchall()]


async def test_nothing_that_can_be_read_holds_a_secret_or_a_signing_key(world, held) -> None:
    async with world.house.signer.transaction(world.organization_id) as txn:
        online = await world.house.bundles._signing.signing_key(txn)
    seed = bytes(online.signer._key)
    looked_for = [SECRET.encode(), base64.b64encode(SECRET.encode()), seed, base64.b64encode(seed)]
    looked_for += [seed.hex().encode(), SECRET.encode().hex().encode()]
    read = 0
    for who, database in databases(world).items():
        for table in await tables(world):
            for column in await columns(world, table):
                try:
                    async with database.transaction(world.organization_id) as txn:
                        cursor = await txn.connection.execute(f'select "{column}" as it from {table}')
                        found = [row["it"] for row in await cursor.fetchall()]
                except psycopg.errors.InsufficientPrivilege:
                    continue
                read += len(found)
                data = b"".join(each if isinstance(each, bytes) else str(each).encode() for each in found)
                assert not [each for each in looked_for if each in data], (who, table, column)
    assert read > 100  # it did look
    for path in ("/agent/v1/desired", "/agent/v1/files/" + held[0].bundle.pipelines[0].revision):
        assert SECRET.encode() not in (await held[0].call("GET", path)).content


async def test_what_would_open_secrets_or_sign_is_out_of_reach(world, held) -> None:
    for who, database in databases(world).items():
        for sql in (
            "select private from signing_keys",
            "select value from secret_versions",
            "select sealed from sealed_secrets",
            "update bundles set envelope = envelope",
            "insert into bundles select * from bundles",
            "delete from bundles",
            "update key_lists set envelope = envelope",
            "update signing_keys set public = public",
            "set role vf_signer",
            "set row_security = off; select private from signing_keys",
            "copy signing_keys to program 'cat'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                async with database.transaction(world.organization_id) as txn:
                    await txn.connection.execute(sql)
            assert who


async def test_no_bundle_that_such_code_can_send_is_accepted(world, new_world, held) -> None:
    agent, neighbour = held
    before = agent.bundle
    body = msgspec.json.decode((await agent.call("GET", "/agent/v1/desired")).content, type=DesiredAnswer)
    beside = msgspec.json.decode(
        (await neighbour.call("GET", "/agent/v1/desired")).content, type=DesiredAnswer
    )
    stranger = (await (await new_world()).agents(1))[0]
    await stranger.poll()
    foreign = msgspec.json.decode(
        (await stranger.call("GET", "/agent/v1/desired")).content, type=DesiredAnswer
    )
    own = SigningKey.generate()
    signer = envelope.MemorySigner(own, keys.key_id(bytes(own.verify_key)))
    newer = msgspec.structs.replace(before, generation=before.generation + 1)
    honest = msgspec.json.decode(bytes(body.bundle), type=envelope.Envelope)
    swapped = envelope.sign(envelope.BUNDLE, newer, signer)
    as_honest = envelope.MemorySigner(own, honest.signatures[0].keyid)
    sent = {
        "its own key": swapped.encoded(),
        "its own key under the signer's name": envelope.sign(envelope.BUNDLE, newer, as_honest).encoded(),
        "a changed payload": msgspec.structs.replace(honest, payload=swapped.payload).encoded(),
        "another node's": bytes(beside.bundle),
        "another organisation's": bytes(foreign.bundle),
        "cut off": bytes(body.bundle)[:-20],
        "nothing": b"",
    }
    for data in sent.values():
        with pytest.raises((verify.BundleRefused, envelope.EnvelopeRefused)):
            believe(agent, bytes(body.keys), data, last=before.order)
    # An older one of the node's own: honest once, and outdated since.
    with pytest.raises(verify.BundleRefused):
        believe(agent, bytes(body.keys), bytes(body.bundle), last=(before.generation + 1, 1))
    # A list of keys with its own in it, signed by a root of its own.
    with pytest.raises((keys.KeyListRefused, envelope.EnvelopeRefused)):
        believe(agent, bytes(foreign.keys), swapped.encoded(), last=None)
    assert believe(agent, bytes(body.keys), bytes(body.bundle), last=None) == before


def believe(agent, key_list: bytes, bundle: bytes, *, last):
    """What an agent does with an answer of the gateway."""
    now = int(time.time() * 1000)
    known = keys.key_list_verify(
        key_list,
        root_public=base64.b64decode(agent.told.root_key),
        organization=agent.told.organization,
        last_version=0,
        now=now,
    )
    return verify.verify_bundle(
        bundle,
        trust=verify.Trust(keys=known),
        node=agent.told.node_id,
        organization=agent.told.organization,
        last=last,
        now=now,
    )
