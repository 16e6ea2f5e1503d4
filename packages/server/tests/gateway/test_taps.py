"""A tap's way: asked for with a reason, told to nodes, relayed sealed, shown to one requester, and gone."""

import asyncio
import gzip
import json
import time
from types import SimpleNamespace
from uuid import UUID

import msgspec
import psycopg
import pytest
from tests.patience import patience

from vectorflow.delivery.types import NewRollout
from vectorflow.fleet.errors import NodeNotFound
from vectorflow.kernel.actor import SYSTEM, Actor, ActorKind
from vectorflow.kernel.ids import new_id
from vectorflow.platform.http.events import EventStreams
from vectorflow.platform.metrics import Metrics
from vectorflow.telemetry.taps import intake, jobs, live
from vectorflow.telemetry.taps.captures import CaptureService
from vectorflow.telemetry.taps.columns import relay_cell, tap_columns
from vectorflow.telemetry.taps.errors import (
    CaptureInvalid,
    CaptureNotFound,
    TapInvalid,
    TapNotFound,
    TapNowhere,
    TooManyTaps,
)
from vectorflow.telemetry.taps.relay import RelayBroken, new_relay, relay_open
from vectorflow.telemetry.taps.service import TapService
from vectorflow.telemetry.taps.types import CapturedEvent, CaptureNew, Condition, TapNew
from vectorflow.tenancy.types import OrganizationRole, TeamRole
from vectorflow_wire import statements, verify
from vectorflow_wire.encoding import base64_bytes
from vectorflow_wire.statements import TapArguments
from vectorflow_wire.taps import TapAnswer, TapBatch, TapEvent, tap_events_path

CANARY = "canary-5f3a"
PASSWORD = "correct horse battery staple"


class Tapping:
    """A person of the organisation, who may tap, and the rooms that this needs."""

    def __init__(self, world, account_id):
        house = world.house
        self.world = world
        self.account_id = account_id
        self.actor = Actor(kind=ActorKind.ACCOUNT, name="Editor", account_id=account_id)
        self.taps = TapService(
            house.keys,
            house.statements,
            house.pipelines,
            house.services.clock,
            house.services.rooms.programs.condition_complaints,
        )
        self.captures = CaptureService(house.keys, self.taps, house.services.clock)
        self.streams = EventStreams(Metrics())
        self.live = live.TapStreams(house.app, house.services.tenancy, self.taps, self.streams)
        self.live.attach(house.bus)

    async def open(self, pipeline_id, **options):
        wish = TapNew(**({"pipeline_id": pipeline_id, "component": "lines", "reason": "a test"} | options))
        async with self.world.scoped() as txn:
            return await self.taps.open(txn, self.world.environment_id, wish, self.actor)

    async def get(self, tap):
        async with self.world.scoped() as txn:
            return await self.taps.tap(txn, self.world.environment_id, tap.id)

    async def read(self, tap):
        access = await self.world.house.services.tenancy.access(self.account_id, self.world.slug, "dev")
        return await self.live.open(new_id(), access, self.actor, tap.id)

    async def audited(self):
        async with self.world.scoped() as txn:
            return await txn.value(
                """select coalesce(json_agg(action order by sequence), '[]') from audit_records
                where organization_id = %(organization_id)s and (action like 'tap.%%' or action like 'capture.%%')"""
            )


async def account_of(world, name):
    return await world.house.services.identity.account_ensure(
        f"{name}@{world.slug}.test", name.title(), PASSWORD
    )


@pytest.fixture
async def tapping(world):
    account = await account_of(world, "editor")
    made = Tapping(world, account)
    yield made
    made.streams.close_all()
    await made.live.close()


@pytest.fixture
async def running(world, tapping):
    """A pipeline that two nodes run, and the agents."""
    agents = await world.agents(2)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(
            txn, SYSTEM, world.environment_id, pipeline_id, NewRollout(watch_seconds=0.0, batch_size=10)
        )
    await world.sign()
    for agent in agents:
        await agent.apply(pipeline_id)
    return SimpleNamespace(agents=agents, pipeline_id=pipeline_id)


def batch(sequence, *events, **options):
    made = tuple(
        TapEvent(
            at=int(time.time() * 1000),
            component="lines",
            kind="log",
            event=msgspec.Raw(json.dumps(each).encode()),
        )
        for each in events
    )
    return TapBatch(
        sequence=sequence,
        at=int(time.time() * 1000),
        events=made,
        taken=len(made),
        matched=len(made),
        **options,
    )


async def _kept(world):
    async with world.scoped() as txn:
        return await txn.value("select count(*) from tap_batches where organization_id = %(organization_id)s")


async def send(agent, tap, sent, *, body=None):
    zipped = body if body is not None else gzip.compress(msgspec.json.encode(sent))
    return await agent.call(
        "POST", tap_events_path(str(tap.id)), content=zipped, headers={"content-encoding": "gzip"}
    )


async def goes_on(agent, tap, sent):
    answer = await send(agent, tap, sent)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=TapAnswer).go_on


class Shown:
    """What a reader has seen."""

    def __init__(self, stream):
        self.events, self.taps, self.ended = [], [], False
        self.task = asyncio.create_task(self._read(stream))

    async def _read(self, stream):
        async for chunk in stream.chunks():
            kind, _, data = chunk.decode().partition("\ndata: ")
            if kind == "event: events":
                self.events += json.loads(data)["items"]
            elif kind == "event: tap":
                self.taps.append(json.loads(data))
        self.ended = True


async def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_events_go_from_a_node_to_the_one_who_asked_and_nowhere_else(world, tapping, running) -> None:
    tap = await tapping.open(
        running.pipeline_id, where=[Condition(path=".level", value="error")], redact=["name"]
    )
    assert len(tap.nodes) == 2
    await world.sign()
    agent = running.agents[0]
    (told,) = (await agent.beat()).statements
    statement = statements.verify_statement(
        told, trust=verify.Trust(keys=agent.key_list), node=agent.told.node_id,
        organization=agent.told.organization, spent={}, now=int(time.time() * 1000),
    )  # fmt: skip
    arguments = statement.read(TapArguments)
    assert (arguments.tap, arguments.outputs, arguments.redact) == (
        str(tap.id),
        ("lines", "lines.*"),
        ("name",),
    )
    assert arguments.where[0].path == ".level"
    shown = Shown(await tapping.read(tap))
    assert await goes_on(agent, tap, batch(1, {"message": CANARY}, {"n": 2}))
    assert await goes_on(agent, tap, batch(1, {"message": "again"}))  # a repeat changes nothing
    await until(lambda: len(shown.events) == 2)
    assert [each["event"] for each in shown.events] == [{"message": CANARY}, {"n": 2}]
    assert shown.events[0]["node_id"] == agent.told.node_id
    assert await _kept(world) == 0
    first = next(node for node in (await tapping.get(tap)).nodes if node.node_id == agent.node_id)
    assert (first.taken, first.sent) == (2, 2)
    async with world.scoped() as txn:
        await tapping.taps.stop(txn, world.environment_id, tap.id, tapping.actor)
    assert not await goes_on(agent, tap, batch(2, {"message": "late"}))
    await until(lambda: shown.ended)
    assert shown.taps[-1]["ended"] == "stopped"
    assert await tapping.audited() == ["tap.opened", "tap.ended"]


async def test_what_waits_is_sealed_and_erased_at_the_end(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)
    agent = running.agents[0]
    await goes_on(agent, tap, batch(1, {"message": CANARY}))
    async with world.scoped() as txn:
        body = await txn.value("select body from tap_batches where organization_id = %(organization_id)s")
        row = await tapping.taps.own(txn, world.environment_id, tap.id, tapping.account_id)
        private = await tapping.taps.private_key(txn, row)
    assert CANARY.encode() not in body
    opened = relay_open(private, world.organization_id, tap.id, agent.node_id, body)
    assert CANARY.encode() in bytes(opened.events[0].event)
    for moved in ((new_id(), tap.id, agent.node_id), (world.organization_id, new_id(), agent.node_id),
                  (world.organization_id, tap.id, new_id())):  # fmt: skip
        with pytest.raises(RelayBroken):
            relay_open(private, *moved, body)
    with pytest.raises(RelayBroken):
        relay_open(new_relay()[0], world.organization_id, tap.id, agent.node_id, body)
    async with world.scoped() as txn:
        await tapping.taps.stop(txn, world.environment_id, tap.id, tapping.actor)
        gone = await tapping.taps.own(txn, world.environment_id, tap.id, tapping.account_id)
        assert await tapping.taps.private_key(txn, gone) is None
    assert await _kept(world) == 0


async def test_nobody_reads_anothers_tap_nor_sends_for_it(world, new_world, tapping, running) -> None:
    agent = running.agents[0]
    tap = await tapping.open(running.pipeline_id, node_id=agent.node_id)
    owner = Tapping(world, await account_of(world, "owner"))
    with pytest.raises(TapNotFound):
        await owner.read(tap)
    # A node that was not asked, of this organisation or another, is told to stop and leaves nothing.
    stranger = (await (await new_world()).agents(1))[0]
    for other in (running.agents[1], stranger):
        assert not await goes_on(other, tap, batch(1, {"message": CANARY}))
    assert await _kept(world) == 0


async def test_losing_the_permission_cuts_the_stream_within_seconds(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)
    shown = Shown(await tapping.read(tap))
    agent = running.agents[0]
    await goes_on(agent, tap, batch(1, {"n": 1}))
    await until(lambda: shown.events)
    began = time.monotonic()
    await world.house.services.tenancy.member_put(
        world.organization_id,
        tapping.account_id,
        OrganizationRole.MEMBER,
        SYSTEM,
        teams={"core": TeamRole.VIEWER},
    )
    await until(lambda: shown.ended)
    assert time.monotonic() - began < 10 * patience()
    await goes_on(agent, tap, batch(2, {"n": 2}))
    assert not await goes_on(agent, tap, batch(3, {"n": 3}))
    assert len(shown.events) == 1
    assert (await tapping.get(tap)).ended == "not-allowed"


async def test_the_end_of_the_session_ends_the_stream_and_then_the_tap(
    world, tapping, running, monkeypatch
) -> None:
    tap = await tapping.open(running.pipeline_id)
    stream = await tapping.read(tap)
    shown = Shown(stream)
    tapping.streams.close_session(stream.session_id)
    await until(lambda: shown.ended)
    monkeypatch.setattr(intake, "UNWATCHED_SECONDS", 0.0)
    assert not await goes_on(running.agents[0], tap, batch(1, {"n": 1}))
    monkeypatch.setattr(jobs, "UNWATCHED_SECONDS", 0.0)
    await jobs.sweep_all(world.house.worker)
    assert (await tapping.get(tap)).ended == "time"


async def test_a_slow_reader_costs_events_not_memory(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)
    agent = running.agents[0]
    for number in range(1, intake.MOST_WAITING + 3):
        assert await goes_on(agent, tap, batch(number, {"n": number}))
    assert await _kept(world) == intake.MOST_WAITING
    first = next(node for node in (await tapping.get(tap)).nodes if node.node_id == agent.node_id)
    assert (first.sent, first.dropped) == (intake.MOST_WAITING, 1)
    shown = Shown(await tapping.read(tap))
    await until(lambda: len(shown.events) == intake.MOST_WAITING)


async def test_a_tap_ends_when_all_its_nodes_have(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id, node_id=running.agents[0].node_id)
    shown = Shown(await tapping.read(tap))
    assert not await goes_on(running.agents[0], tap, batch(1, {"n": 1}, ended="component-gone"))
    await until(lambda: shown.ended)
    assert [each["event"] for each in shown.events] == [{"n": 1}]
    assert (shown.taps[-1]["ended"], shown.taps[-1]["nodes"][0]["ended"]) == ("nodes-ended", "component-gone")


async def test_a_node_that_refuses_says_so_and_the_tap_ends(world, tapping, running) -> None:
    agent = running.agents[0]
    tap = await tapping.open(running.pipeline_id, node_id=agent.node_id)
    shown = Shown(await tapping.read(tap))
    await world.sign()
    async with world.scoped() as txn:
        (asked, *_) = await world.house.statements.statements(
            txn, world.environment_id, agent.node_id, after=None, limit=1
        )
    refusal = agent.report(
        "statement-refused", statement=str(asked.id), reason="policy", message="no taps here"
    )
    await agent.send(refusal)
    await until(lambda: shown.ended)
    (node,) = shown.taps[-1]["nodes"]
    assert (node["ended"], node["message"]) == ("refused", "no taps here")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no gzip", 400),
        (gzip.compress(b"{"), 400),
        (gzip.compress(msgspec.json.encode(batch(0))), 400),
        (gzip.compress(b" " * 2_000_000), 413),
        (b"x" * 1_200_000, 413),
    ],
    ids=["plain", "cut", "number", "bomb", "long"],
)
async def test_bad_batches_are_refused(tapping, running, body, status) -> None:
    tap = await tapping.open(running.pipeline_id)
    answer = await send(running.agents[0], tap, None, body=body)
    assert answer.status_code == status
    assert (await send(running.agents[0], SimpleNamespace(id="x"), batch(1))).status_code in (400, 404)


async def test_what_cannot_be_opened(world, tapping, running, monkeypatch) -> None:
    with pytest.raises(TapInvalid):
        await tapping.open(running.pipeline_id, reason="a\x1b[31m")
    with pytest.raises(NodeNotFound):
        await tapping.open(running.pipeline_id, node_id=new_id())
    with pytest.raises(TapNowhere):
        await tapping.open(await world.pipeline())
    with monkeypatch.context() as patched:
        patched.setattr("vectorflow.telemetry.taps.service.MOST_OPEN_OF_ACCOUNT", 1)
        await tapping.open(running.pipeline_id)
        with pytest.raises(TooManyTaps):
            await tapping.open(running.pipeline_id)


@pytest.mark.parametrize(
    ("programs", "says"),
    [
        ([".status >"], "unexpected"),
        (["1 + 1"], ""),
        (['get_env_var!("HOME") == "x"'], "reads the host"),
        ([".a = 1; true"], "may not change"),
        (["true", "true"], "one condition"),
    ],
)
async def test_a_condition_in_vrl_is_checked_before_a_node_is_asked(
    world, tapping, running, programs, says
) -> None:
    where = [Condition(path=".", operator="vrl", value=each) for each in programs]
    wish = TapNew(pipeline_id=running.pipeline_id, component="lines", reason="a test", where=where)
    with pytest.raises(TapInvalid) as refused:
        await tapping.taps.check(world.organization_id, wish)
    (error,) = refused.value.errors
    assert error.field == "where"
    assert says in error.message


async def test_a_condition_in_vrl_reaches_the_node_signed_and_the_log(
    world, tapping, running, sign_in
) -> None:
    program = '(int(.status) ?? 0) >= 500 && .path != "/health"'
    body = {
        "pipeline_id": str(running.pipeline_id),
        "component": "lines",
        "reason": "a test",
        "where": [{"path": ".", "operator": "vrl", "value": program}],
    }
    browser = await sign_in("editor")
    bad = body | {"where": [{"path": ".", "operator": "vrl", "value": "]"}]}
    refused = await browser.call("POST", "/taps", json=bad)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "where")
    made = await browser.call("POST", "/taps", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["where"][0]["value"] == program
    await world.sign()
    (told,) = (await running.agents[0].beat()).statements
    (condition,) = msgspec.json.decode(base64_bytes(told.payload))["arguments"]["where"]
    assert (condition["operator"], condition["value"]) == ("vrl", program)
    async with world.scoped() as txn:
        logged = await txn.value(
            """select after::text from audit_records
            where organization_id = %(organization_id)s and action = 'tap.opened'"""
        )
    assert json.dumps(program)[1:-1] in logged


async def test_captures_are_sealed_read_under_audit_erased_and_expire(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)
    wish = CaptureNew(
        tap_id=tap.id, name="two", events=[CapturedEvent(event={"message": CANARY}), CapturedEvent(event={})]
    )
    async with world.scoped() as txn:
        made = await tapping.captures.save(txn, world.environment_id, wish, tapping.account_id, tapping.actor)
        sealed = await txn.value("select content from captures where organization_id = %(organization_id)s")
    assert CANARY.encode() not in bytes(sealed)
    assert (made.events, made.component, made.reason) == (2, "lines", "a test")
    async with world.scoped() as txn:
        content = await tapping.captures.open(txn, world.environment_id, made.id, tapping.actor)
        assert content.items[0].event == {"message": CANARY}
        listed = await tapping.captures.captures(
            txn, world.environment_id, pipeline_id=running.pipeline_id, after=None, limit=9
        )
        assert [each.id for each in listed] == [made.id]
        await tapping.captures.erase(txn, world.environment_id, made.id, tapping.actor)
    assert await tapping.audited() == ["tap.opened", "capture.saved", "capture.read", "capture.erased"]
    async with world.scoped() as txn:
        with pytest.raises(CaptureNotFound):
            await tapping.captures.open(txn, world.environment_id, made.id, tapping.actor)
        large = CaptureNew(tap_id=tap.id, name="x", events=[CapturedEvent(event={"m": "x" * 1_100_000})])
        with pytest.raises(CaptureInvalid):
            await tapping.captures.save(txn, world.environment_id, large, tapping.account_id, tapping.actor)
    async with world.scoped() as txn:
        again = await tapping.captures.save(
            txn, world.environment_id, wish, tapping.account_id, tapping.actor
        )
    async with world.house.worker.transaction(world.organization_id) as txn:
        await txn.execute(
            "delete from captures where organization_id = %(organization_id)s and id = %(id)s",
            {"id": again.id},
        )


async def test_a_capture_is_gone_when_its_days_are_over(world, database_url, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)

    async def saved(name, days):
        wish = CaptureNew(tap_id=tap.id, name=name, events=[CapturedEvent(event={"m": 1})], days=days)
        async with world.scoped() as txn:
            return await tapping.captures.save(
                txn, world.environment_id, wish, tapping.account_id, tapping.actor
            )

    async def names():
        async with world.scoped() as txn:
            listed = await tapping.captures.captures(
                txn, world.environment_id, pipeline_id=None, after=None, limit=9
            )
        return {each.name for each in listed}

    short, long = await saved("short", 2), await saved("long", 3)
    # Two days and a half later, by the clock that counts: the database's.
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute(
            """update captures set created_at = created_at - interval '60 hours',
                expires_at = expires_at - interval '60 hours'
            where organization_id = %s""",
            [world.organization_id],
        )
    async with world.scoped() as txn:
        with pytest.raises(CaptureNotFound):
            await tapping.captures.open(txn, world.environment_id, short.id, tapping.actor)
        await tapping.captures.open(txn, world.environment_id, long.id, tapping.actor)
    assert await names() == {"long"}
    await jobs.sweep_all(world.house.worker)
    async with world.scoped() as txn:
        left = await txn.value(
            "select json_agg(name) from captures where organization_id = %(organization_id)s"
        )
    assert left == ["long"]


async def test_both_sealed_columns_are_sealed_anew(world, tapping, running) -> None:
    tap = await tapping.open(running.pipeline_id)
    async with world.house.signer.transaction(world.organization_id) as txn:
        column = tap_columns()[0]
        (value,) = await column.batch(txn, UUID(int=0), 10)
        assert column.cell(value) == relay_cell(tap.id)
        assert await column.of_version(txn, 99, UUID(int=0), 10) == []
