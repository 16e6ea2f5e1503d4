"""What engines say of themselves: asked for, sent, doubted, confirmed, and checked by."""
# fleet/engines.py, fleet/store/engines.py, library/service.py, library/store.py, library/types.py, library/errors.py,
# pipelines/engines.py

import contextlib
import gzip
import json
import secrets

import msgspec
import psycopg
import pytest
from psycopg import sql

from vectorflow.fleet import engines as engines_module
from vectorflow.fleet.engines import EngineBook, EnginesOfNodes
from vectorflow.kernel.actor import SYSTEM
from vectorflow.library import store as library_store
from vectorflow.library.errors import EngineSchemaRefused, TooManyEngineSchemas
from vectorflow.library.reading import Read
from vectorflow.library.service import EngineSchemaService
from vectorflow.library.types import BY_NODES, MOST_OF_ONE_DIGEST, EngineSchemaRow
from vectorflow.pipelines.engines import TargetEngines
from vectorflow.pipelines.types import EngineInUse
from vectorflow_topology.document import document_from_json
from vectorflow_wire.messages import EngineFacts

SERVICE = EngineSchemaService()


def schema(**sink_options):
    """A schema with one source and one sink, which has these options beside its own."""
    options = {
        "type": {"const": "blackhole"},
        "inputs": {"type": "array"},
        "print_interval_secs": {"type": "integer"},
    }
    return {
        "properties": {
            "sources": {
                "additionalProperties": {
                    "oneOf": [
                        {
                            "type": "object",
                            "required": ["type", "format"],
                            "properties": {
                                "type": {"const": "demo_logs"},
                                "format": {"type": "string"},
                                "lines": {"type": "array", "items": {"type": "string"}},
                            },
                        }
                    ],
                    "unevaluatedProperties": False,
                }
            },
            "sinks": {
                "additionalProperties": {
                    "oneOf": [{"type": "object", "required": ["type", "inputs"], "properties": options | sink_options}],
                    "unevaluatedProperties": False,
                }
            },
        }
    }  # fmt: skip


LISTING = {"sources": ["demo_logs"], "transforms": [], "sinks": ["blackhole"]}


def body(made=None, *, version="0.58.0", listing=None):
    said = {"version": version, "schema": made or schema(), "listing": listing or LISTING}
    return gzip.compress(json.dumps(said).encode())


def facts(version="0.58.0"):
    return EngineFacts(kind="vector", version=version, digest="sha256:" + secrets.token_hex(32))


async def put(agent, digest, content, **headers):
    return await agent.call(
        "PUT",
        f"/agent/v1/schemas/{digest}",
        content=content,
        headers={"content-encoding": "gzip"} | headers,
    )


async def rows(world) -> list[EngineSchemaRow]:
    async with world.scoped() as txn:
        return await SERVICE.schemas(txn)


def document(**options):
    return document_from_json(
        {
            "components": [
                {"id": "lines", "kind": "source", "type": "demo_logs", "options": {"format": "shuffle", "lines": ["a"]}},
                {"id": "out", "kind": "sink", "type": "blackhole", "options": options},
            ],
            "edges": [{"source": "lines", "target": "out"}],
        }
    )  # fmt: skip


async def findings(world, options):
    async with world.scoped() as txn:
        checked = await world.house.pipelines.check(txn, world.environment_id, document(**options), SYSTEM)
    return {(each.rule, each.severity) for each in checked.findings if each.component == "out"}


async def test_one_node_is_asked_once_and_a_second_to_confirm(world):
    one, two, three = await world.agents(3)
    engine = facts()
    book = world.house.gateway.engines
    for agent in (one, two, three):
        assert (await agent.beat(engine=engine)).schema_wanted == ""  # nobody knows yet whether it is known
    await book.settle()
    assert (await one.beat(engine=engine)).schema_wanted == engine.digest
    assert (await two.beat(engine=engine)).schema_wanted == ""  # the first was asked just now
    assert (await put(one, engine.digest, body())).status_code == 200
    (row,) = await rows(world)
    assert (row.nodes, row.rivals, row.confirmed_at) == (1, 0, None)

    book._programs[world.organization_id, row.digest] = None
    await book.settle()
    assert (await one.beat(engine=engine)).schema_wanted == ""  # it gave its account already
    assert (await two.beat(engine=engine)).schema_wanted == engine.digest
    assert (await put(two, engine.digest, body())).status_code == 200
    (row,) = await rows(world)
    assert (row.nodes, row.confirmed_by) == (2, BY_NODES)
    await book.settle()
    assert (await three.beat(engine=engine)).schema_wanted == ""


async def test_a_changed_engine_is_written_down(world):
    (agent,) = await world.agents(1)
    engine = facts("0.57.1")
    await agent.beat(engine=engine)
    await world.house.gateway.engines.settle()
    async with world.scoped() as txn:
        found = await EnginesOfNodes().engines(txn, world.environment_id)
    assert found == [EngineInUse("vector", "0.57.1", engine.digest, 1)]


async def test_checks_go_by_the_nodes_own_engine(world):
    one, two = await world.agents(2)
    engine = facts()
    for agent in (one, two):
        await agent.beat(engine=engine)
    await world.house.gateway.engines.settle()
    ours = {("option.unknown", "error")}
    assert await findings(world, {"brand_new": True}) == ours

    told = schema(brand_new={"type": "boolean"})
    assert (await put(one, engine.digest, body(told))).status_code == 200
    # One node's word is advice: it takes back no error, and what it alone objects to is a warning.
    assert await findings(world, {"brand_new": True}) == ours
    assert await findings(world, {"rate": 3}) == {("option.unknown", "warning")}

    assert (await put(two, engine.digest, body(told))).status_code == 200
    assert await findings(world, {"brand_new": True}) == set()
    assert await findings(world, {"rate": 3}) == {("option.unknown", "error")}


async def test_every_distinct_engine_has_its_say(world):
    one, two = await world.agents(2)
    await one.beat(engine=facts("0.54.0"))
    await two.beat(engine=facts("0.58.0"))
    await world.house.gateway.engines.settle()
    async with world.scoped() as txn:
        engines = await TargetEngines(EnginesOfNodes(), SERVICE, world.house.pipelines.workbench).of(
            txn, world.environment_id
        )
    assert {(each.target.vector_version, each.target.interpolates) for each in engines} == {
        ("0.54.0", False),
        ("0.58.0", False),
    }


async def test_accounts_that_differ_wait_for_a_person(world):
    agents = await world.agents(4)
    engine = facts()
    honest, false = body(), body(schema(exfiltrate={"type": "string"}))
    for agent, content in zip(agents, (false, honest, false, honest), strict=True):
        await agent.beat(engine=engine)
        assert (await put(agent, engine.digest, content)).status_code == 200
    before = await rows(world)
    assert [(row.nodes, row.rivals, row.confirmed_at) for row in before] == [(2, 1, None), (2, 1, None)]
    async with world.scoped() as txn:
        assert await SERVICE.open_digests(txn, [before[0].digest]) == set()  # no use in asking more nodes
        honest_row = before[0]
        believed = await SERVICE.confirm(txn, honest_row, SYSTEM)
        assert believed.confirmed_at is not None
        (known,) = await SERVICE.known(txn, [honest_row.digest])
        assert (known.id, known.confirmed) == (honest_row.id, True)
        other = await SERVICE.confirm(txn, before[1], SYSTEM)
        assert (await SERVICE.schema(txn, honest_row.id)).confirmed_at is None
        await SERVICE.delete(txn, other, SYSTEM)
        assert await library_store.engine_schema_count(txn) == 1


async def test_a_digest_that_is_not_the_nodes_own_is_refused(world):
    (agent,) = await world.agents(1)
    await agent.beat(engine=facts())
    assert (await put(agent, facts().digest, body())).status_code == 400
    assert (await put(agent, "sha256:zz", body())).status_code == 400
    assert await rows(world) == []


@pytest.mark.parametrize(
    "content",
    [
        b"no gzip",
        gzip.compress(b"{"),
        gzip.compress(b'{"version":"0.58.0","schema":{},"listing":{}}'),
        gzip.compress(b'{"version":"new","schema":{},"listing":{}}'),
        body(listing={"sources": []}),
        gzip.compress(b'{"version":"0.58.0","schema":' + b"[" * 100_000 + b'],"listing":{}}'),
        gzip.compress(b" " * (70 * 1024 * 1024), 9),
        body()[:40],
    ],
    ids=["no gzip", "no json", "nothing in it", "no version", "short listing", "deep", "bomb", "cut"],
)
async def test_what_is_no_schema_is_refused(world, content):
    (agent,) = await world.agents(1)
    engine = facts()
    await agent.beat(engine=engine)
    answer = await put(agent, engine.digest, content)
    assert (answer.status_code, answer.json()["type"]) == (422, EngineSchemaRefused.problem_type())
    assert await rows(world) == []


async def test_too_large_too_often_and_uncompressed(world):
    (agent,) = await world.agents(1)
    engine = facts()
    assert (await put(agent, engine.digest, secrets.token_bytes(5 * 1024 * 1024))).status_code == 413
    assert (await put(agent, engine.digest, body(), **{"content-encoding": "br"})).status_code == 400
    codes = [(await put(agent, engine.digest, body())).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


async def test_there_is_an_end_to_accounts(world):
    (agent,) = await world.agents(1)
    async with world.scoped() as txn:
        digest = secrets.token_bytes(32)
        for number in range(MOST_OF_ONE_DIGEST):
            sent = Read("0.58.0", number.to_bytes(32, "big"), b"x")
            await SERVICE.record(txn, digest, sent, agent.node_id, SYSTEM)
        with pytest.raises(TooManyEngineSchemas):
            await SERVICE.record(txn, digest, Read("0.58.0", b"y" * 32, b"x"), agent.node_id, SYSTEM)


async def engine_of(world, agent):
    async with world.scoped() as txn:
        return await txn.value(
            """select engine_version from nodes
            where organization_id = %(organization_id)s and id = %(id)s""",
            {"id": agent.node_id},
        )


@contextlib.asynccontextmanager
async def refusing_nodes_of(database_url, organization_id):
    """While this lasts, no node of one organisation can be changed."""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute("""create function refuse_change() returns trigger language plpgsql as
            $$ begin raise exception 'refused'; end; $$""")
        await owner.execute(
            sql.SQL(
                """create trigger refuse_change before update on nodes for each row
                when (new.organization_id = {}) execute function refuse_change()"""
            ).format(sql.Literal(organization_id))
        )
        try:
            yield
        finally:
            await owner.execute("drop trigger refuse_change on nodes")
            await owner.execute("drop function refuse_change()")


async def test_what_could_not_be_written_down_waits_and_holds_up_nobody_else(world, new_world, database_url):
    others = [await new_world() for _ in range(3)]
    worlds = [world, *others]
    agents = [(await each.agents(1))[0] for each in worlds]
    engine, book = facts("0.57.3"), EngineBook(world.house.app, SERVICE)
    for each, agent in zip(worlds, agents, strict=True):
        book.take(await _authority(each, agent), engine)
    async with refusing_nodes_of(database_url, world.organization_id):
        await book.settle()
        for each, agent in zip(others, agents[1:], strict=True):
            assert await engine_of(each, agent) == "0.57.3"
        assert await engine_of(world, agents[0]) != "0.57.3"
        newer = msgspec.structs.replace(engine, version="0.57.4")
        book.take(await _authority(world, agents[0]), newer)
        await book.settle()
    await book.settle()
    assert await engine_of(world, agents[0]) == "0.57.4"
    assert not book._changed


async def test_what_found_no_room_is_told_by_the_next_heartbeat(world, monkeypatch):
    one, two = await world.agents(2)
    engine, book = facts("0.57.5"), EngineBook(world.house.app, SERVICE)
    monkeypatch.setattr(engines_module, "_MOST_CHANGED", 1)
    for _ in range(2):
        for agent in (one, two):
            book.take(await _authority(world, agent), engine)
        await book.settle()
    assert [await engine_of(world, agent) for agent in (one, two)] == ["0.57.5"] * 2


async def test_the_book_forgets_and_the_embedded_engine_is_not_asked(world):
    (agent,) = await world.agents(1)
    book = EngineBook(world.house.app, SERVICE)
    embedded = EngineFacts(kind="embedded", version="0.1.0", digest=facts().digest)
    authority = await _authority(world, agent)
    assert book.take(authority, embedded) == ""
    await book.settle()
    assert book.take(authority, embedded) == ""
    assert not book._programs
    assert msgspec.json.encode(embedded)


async def _authority(world, agent):
    gateway = world.house.gateway
    token = gateway.tokens.presented(None, f"Bearer {agent.told.node_token}", "vfn")
    return await gateway.tokens.node(token, "127.0.0.1")
