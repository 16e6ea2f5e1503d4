"""Polls, files and streams: what is answered, to whom, and from where."""

import asyncio
import hashlib
import time
import uuid

import msgspec
import pytest
from tests.patience import patience

from vectorflow.delivery.types import NewRollout
from vectorflow.entry.gateway import Gateway, GatewayOptions
from vectorflow.fleet import service
from vectorflow.fleet.store import nodes
from vectorflow.kernel.actor import SYSTEM
from vectorflow_wire import envelope, keys, tokens, verify
from vectorflow_wire.bundles import DesiredAnswer
from vectorflow_wire.sealing import unseal

from .conftest import waited_for


async def start(world, pipeline_id, **options):
    async with world.scoped() as txn:
        return await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(**options)
        )


async def until(condition, seconds=30.0) -> None:
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


class NoDatabase:
    """Fails any statement."""

    def transaction(self, organization_id):
        raise AssertionError("a statement was made")

    def unscoped(self):
        raise AssertionError("a statement was made")


async def test_a_node_fetches_what_its_bundle_names_and_nothing_else(world, new_world) -> None:
    first, second = await world.agents(2)
    stranger = (await (await new_world()).agents(1))[0]
    pipeline_id = await world.pipeline()
    await start(world, pipeline_id, batch_size=1)
    await world.sign()
    bundle = await first.poll()
    wanted = bundle.pipelines[0]
    assert (wanted.state, wanted.number) == ("run", 1)
    content = await first.call("GET", f"/agent/v1/files/{wanted.revision}")
    assert hashlib.sha256(content.content).hexdigest() == wanted.revision
    assert (await second.poll()).pipelines == ()
    for other in (second, stranger):
        refused = await other.call("GET", f"/agent/v1/files/{wanted.revision}")
        assert (refused.status_code, refused.json()["type"]) == (
            404,
            "urn:vectorflow:problem:fleet.file-not-named",
        )
    assert (await first.call("GET", "/agent/v1/files/../../etc/passwd")).status_code in (400, 404)
    assert (await first.call("GET", "/agent/v1/files/" + "A" * 64)).status_code == 400


async def test_an_unchanged_poll_costs_no_statement(world, monkeypatch) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    gateway = world.house.gateway
    monkeypatch.setattr(gateway.desired, "_database", NoDatabase())
    monkeypatch.setattr(gateway.tokens, "_database", NoDatabase())
    for _ in range(20):
        assert await agent.poll() is None


async def test_a_new_bundle_reaches_the_memory_by_the_bus(world) -> None:
    agent = (await world.agents(1))[0]
    before = await agent.poll()
    pipeline_id = await world.pipeline()
    await start(world, pipeline_id)
    await world.sign()

    async def changed() -> bool:
        return await agent.poll() is not None

    await until(changed, 2.0)
    assert agent.bundle.generation > before.generation


async def test_the_refresh_finds_what_the_bus_did_not_tell(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    book = world.house.gateway.desired
    assert agent.node_id not in await book.refresh()
    version = book._versions[agent.node_id]
    version.issue -= 1
    assert agent.node_id in await book.refresh()
    assert await agent.poll() is None  # the node has the newest already


async def test_token_and_host_must_agree_before_any_statement(house, world) -> None:
    agent = (await world.agents(1))[0]
    strict = Gateway(
        NoDatabase(),
        NoDatabase(),
        bus=house.bus,
        signing=house.fleet._signing,
        clock=house.fleet._clock,
        options=GatewayOptions(agent_domain="agents.example.com"),
    )

    async def status(
        host: str, token: str = agent.told.node_token, path: str = "/agent/v1/desired", *extra
    ) -> int:
        sent = []
        headers = [(b"host", host.encode()), (b"authorization", f"Bearer {token}".encode()), *extra]
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "headers": headers,
            "client": ("127.0.0.1", 1),
        }

        async def send(message) -> None:
            sent.append(message)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        await strict(scope, receive, send)
        return sent[0]["status"]

    for host in (
        "",
        "example.com",
        "other.agents.example.com",
        f"{world.slug}.evil.com",
        f"{world.slug}.agents.example.com.evil.com",
        f"x.{world.slug}.agents.example.com",
        "agents.example.com",
    ):
        assert await status(host) == 401, host
    forwarded = (b"x-forwarded-host", f"{world.slug}.agents.example.com".encode())
    assert (
        await status("other.agents.example.com", agent.told.node_token, "/agent/v1/desired", forwarded) == 401
    )
    # On its own host it gets as far as the database, which is what fails here.
    assert await status(f"{world.slug}.agents.example.com:8485") == 500


async def test_tokens_that_are_not_ours_get_401(world, new_world) -> None:
    agent = (await world.agents(1))[0]
    known = tokens.parse(agent.told.node_token)
    forged = tokens.mint(tokens.NODE, world.slug, known.id).text
    unknown = tokens.mint(tokens.NODE, world.slug, uuid.uuid4()).text
    moved = msgspec.structs.replace(known, slug=(await new_world()).slug).text
    for token in (forged, unknown, moved, "vfn_x", "-", await world.token()):
        answer = await agent.call("GET", "/agent/v1/desired", token=token)
        assert answer.status_code == 401, token
        assert "traceback" not in answer.text.lower()
    assert (await agent.call("GET", "/agent/v1/nothing")).status_code == 404


async def test_secrets_reach_only_the_node_they_are_sealed_to(world) -> None:
    first, second = await world.agents(2)
    async with world.scoped() as txn:
        await world.house.vault.create(txn, SYSTEM, world.environment_id, "token", "hush-hush")
    pipeline_id = await world.pipeline(secret="token")
    await start(world, pipeline_id)
    await world.sign()
    for agent in (first, second):
        await agent.poll()
        sealed = agent.bundle.pipelines[0].secrets[0]
        value = unseal(
            sealed,
            organization=agent.told.organization,
            node=agent.told.node_id,
            private=bytes(agent.sealing),
        )
        assert value == "hush-hush"
    again = first.bundle.pipelines[0].secrets[0]
    # A new value reaches the nodes without a rollout; what did not change is not sealed again.
    async with world.scoped() as txn:
        secret = (await world.house.vault.secrets(txn, world.environment_id))[0].secret
        await world.house.vault.replace(txn, SYSTEM, world.environment_id, secret, "louder")
    assert await world.sign() == 2
    await first.poll()
    newer = first.bundle.pipelines[0].secrets[0]
    assert (newer.version, newer.sealed != again.sealed) == (2, True)
    value = unseal(
        newer, organization=first.told.organization, node=first.told.node_id, private=bytes(first.sealing)
    )
    assert value == "louder"


async def test_a_key_that_nothing_can_be_sealed_to_holds_its_own_node_alone(world) -> None:
    bad, good = await world.agents(2)
    async with world.scoped() as txn:
        await world.house.vault.create(txn, SYSTEM, world.environment_id, "token", "hush-hush")
        await txn.execute(
            "update nodes set sealing_key = %(key)s where id = %(id)s", {"key": bytes(32), "id": bad.node_id}
        )
    await start(world, await world.pipeline(secret="token"))
    assert await world.sign() == 2
    assert await world.sign() == 0
    (held,) = (await bad.poll()).pipelines
    assert (held.state, held.secrets) == ("hold", ())
    assert held.reason == "the node's sealing key cannot be used: nothing can be sealed to it"
    (running,) = (await good.poll()).pipelines
    assert (running.state, [each.name for each in running.secrets]) == ("run", ["token"])


async def test_an_order_that_comes_while_bundles_are_made_comes_whole_or_later(world) -> None:
    agent = (await world.agents(1))[0]
    pipeline_id = await world.pipeline()
    await start(world, pipeline_id)
    await world.sign()
    before = (await agent.poll()).pipelines[0].attempt
    async with world.scoped() as txn:
        await nodes.node_want(txn, [agent.node_id])
    async with world.scoped() as txn:
        # The signer has read which nodes need a bundle, and waits to read what they are assigned.
        await txn.execute("lock table assignments in access exclusive mode")
        signing = asyncio.create_task(world.house.bundles.sign(world.organization_id))
        await waited_for(txn)
        made = await service.assign(txn, [agent.node_id], pipeline_id, revision=1, desired="run")
    assert await signing == 1
    await world.bus_settled()
    first = await agent.poll()
    assert (first.generation < made[agent.node_id], first.pipelines[0].attempt) == (True, before)
    await world.sign()
    second = await agent.poll()
    assert (second.generation, second.pipelines[0].attempt) == (made[agent.node_id], before + 1)


async def test_a_renewed_bundle_differs_in_its_issue_alone(world) -> None:
    agent = (await world.agents(1))[0]
    before = await agent.poll()
    async with world.house.signer.transaction(world.organization_id) as txn:
        await txn.execute(
            "update bundles set half_life_at = now() - interval '1 s' where organization_id = %(organization_id)s"
        )
    assert world.organization_id in await world.house.bundles.due_organizations()
    assert await world.sign() == 1

    async def renewed() -> bool:
        return await agent.poll() is not None

    await until(renewed, 2.0)
    assert agent.bundle.order == (before.generation, before.issue + 1)
    assert agent.bundle.pipelines == before.pipelines


async def test_a_bundle_that_the_signer_did_not_make_is_refused(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    own = envelope.MemorySigner(agent.identity, keys.key_id(bytes(agent.identity.verify_key)))
    forged = envelope.sign(envelope.BUNDLE, msgspec.structs.replace(agent.bundle, issue=99), own).encoded()
    body = msgspec.json.decode((await agent.call("GET", "/agent/v1/desired")).content, type=DesiredAnswer)
    known = msgspec.json.decode(
        envelope.verify(bytes(body.keys), {keys.key_id(_root(agent)): _root(agent)}, envelope.KEY_LIST),
        type=keys.KeyList,
    )
    with pytest.raises(verify.BundleForged):
        verify.verify_bundle(
            forged,
            trust=verify.Trust(keys=known),
            node=agent.told.node_id,
            organization=agent.told.organization,
            last=None,
            now=None,
        )


def _root(agent) -> bytes:
    return keys.public_key(agent.told.root_key)


async def test_a_stream_tells_of_new_bundles_and_keeps_alive(world) -> None:
    agent = (await world.agents(1))[0]
    headers = {"authorization": f"Bearer {agent.told.node_token}"}
    async with agent.http.stream("GET", "/agent/v1/stream", headers=headers) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        lines = stream.aiter_lines()
        pipeline_id = await world.pipeline()
        await start(world, pipeline_id)
        await world.sign()
        async with asyncio.timeout(60):
            async for line in lines:
                if line.startswith("data:") and msgspec.json.decode(line[5:].encode())["generation"]:
                    break
        async with asyncio.timeout(60):
            async for line in lines:
                if line.startswith(":"):
                    break


async def test_a_revoked_node_is_cut_off_within_a_second(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.poll()
    headers = {"authorization": f"Bearer {agent.told.node_token}"}
    async with agent.http.stream("GET", "/agent/v1/stream", headers=headers) as stream:
        async with world.scoped() as txn:
            node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
            await world.house.fleet.node_revoke(txn, world.environment_id, agent.node_id, node.etag, SYSTEM)
        began = time.monotonic()
        async with asyncio.timeout(60):
            async for _ in stream.aiter_lines():
                pass
        assert time.monotonic() - began < patience()
    assert (await agent.call("GET", "/agent/v1/desired")).status_code == 401
    assert (await agent.call("POST", "/agent/v1/heartbeat", content=b"{}")).status_code == 401


async def test_a_lookup_file_goes_in_pieces_to_the_nodes_whose_bundle_names_it(world, new_world) -> None:
    content = bytes(range(256)) * 6000  # more than one piece
    digest = hashlib.sha256(content).hexdigest()
    named, other = await world.agents(2)
    stranger = (await (await new_world()).agents(1))[0]
    vault, tables = (
        world.house.vault,
        {"t": {"type": "file", "file": {"path": "FILE[table]", "encoding": {"type": "csv"}}}},
    )

    async def body():
        yield content

    async with vault.lookup_files.upload() as upload:
        await upload.take(body())
        async with world.scoped() as txn:
            await vault.lookup_files.create(
                txn, SYSTEM, world.environment_id, name="table", description="", upload=upload
            )
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        row = await world.house.pipelines.for_change(txn, world.environment_id, pipeline_id)
        draft = await world.house.pipelines.draft(txn, world.environment_id, pipeline_id)
        document = msgspec.structs.replace(draft.document, enrichment_tables=tables)
        await world.house.pipelines.update(txn, SYSTEM, row, name=row.name, description="", document=document)
        new = NewRollout(batch_size=1)
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, new)
    await world.sign()
    for agent in (named, other):
        await agent.poll()
    has = [agent for agent in (named, other) if agent.bundle.pipelines]
    assert len(has) == 1
    assert digest in {each.sha256 for each in has[0].bundle.pipelines[0].files}
    answer = await has[0].call("GET", f"/agent/v1/files/{digest}")
    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(content)))
    assert answer.content == content
    for agent in [each for each in (named, other) if each not in has] + [stranger]:
        assert (await agent.call("GET", f"/agent/v1/files/{digest}")).status_code == 404
