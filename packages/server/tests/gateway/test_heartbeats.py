"""Heartbeats: buffered, flushed once for all nodes, right in their sums whatever happens to engines and gateways."""

import asyncio
import time

import msgspec
import psycopg
import pytest

from vectorflow.delivery.types import NewRollout
from vectorflow.entry.gateway import Gateway, GatewayOptions
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow.telemetry.errors import IngestFull
from vectorflow.telemetry.ingest import Ingest
from vectorflow.telemetry.types import BufferFill, Timing
from vectorflow_wire import messages


async def deployed(world, count=1):
    agents = await world.agents(count)
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, NewRollout())
    await world.sign()
    return agents, pipeline_id


def status(pipeline_id, sent, at, since, **options):
    return messages.PipelineStatus(
        id=str(pipeline_id),
        state=options.pop("state", "running"),
        number=1,
        counters_at=at,
        counters_since=since,
        components=(
            messages.ComponentCounters(
                id="lines", kind="source", sent_events={"_default": sent}, received_events=sent
            ),
            messages.ComponentCounters(
                id="out", kind="sink", received_events=sent, sent_events={"_default": sent}
            ),
        ),
        **options,
    )


async def alone(ingest, monkeypatch):
    """From now on nobody flushes but who calls what is returned."""
    flush = ingest.flush

    async def put_off() -> bool:
        return True

    monkeypatch.setattr(ingest, "flush", put_off)
    await flush()
    return flush


async def rates(world, pipeline_id):
    return await world.house.telemetry.rates(world.organization_id, world.environment_id, pipeline_id)


async def test_rates_and_totals_sum_over_nodes(world) -> None:
    agents, pipeline_id = await deployed(world, 2)
    ingest = world.house.gateway.ingest
    now = int(time.time() * 1000)
    for step, counts in enumerate(((100, 50), (150, 70))):
        for agent, count in zip(agents, counts, strict=True):
            await agent.beat(status(pipeline_id, count, now + 10_000 * step, now - 10_000))
        assert await ingest.flush()
    seen = await rates(world, pipeline_id)
    assert seen.components["out"].received_events_total == 220
    assert seen.components["lines"].outputs["_default"].events_total == 220
    assert seen.components["lines"].outputs["_default"].events_per_second == pytest.approx(7.0)
    assert (seen.window_seconds, seen.stale_seconds) == (10.0, None)


async def test_times_and_buffers_are_of_what_came_between_two_heartbeats(world) -> None:
    agents, pipeline_id = await deployed(world, 2)
    now = int(time.time() * 1000)

    def told(step, buckets, waiting):
        took = messages.Durations(
            count=sum(buckets.values()), total_us=sum(buckets.values()) * 20_000, buckets=buckets
        )
        source = messages.ComponentCounters(id="lines", kind="source", received_events=step)
        sink = messages.ComponentCounters(
            id="out",
            kind="sink",
            received_events=step,
            wait=took,
            buffer_events=waiting,
            buffer_max_events=500,
        )
        return msgspec.structs.replace(
            status(pipeline_id, 0, now + 10_000 * step, now - 10_000), components=(source, sink)
        )

    for step, buckets in enumerate(({"4": 1000}, {"4": 1000, "0.03125": 10})):
        for agent, waiting in zip(agents, (100, 400), strict=True):
            await agent.beat(told(step, buckets, waiting))
        assert await world.house.gateway.ingest.flush()
    seen = (await rates(world, pipeline_id)).components
    assert seen["out"].wait == Timing(mean=0.02, p50_at_most=0.03125, p95_at_most=0.03125)
    assert seen["out"].buffer == BufferFill(events=500, bytes=0, max_events=1000, max_bytes=None, fill=0.8)
    source = seen["lines"]
    assert (source.latency, source.lag, source.wait, source.buffer) == (None, None, None, None)


async def test_totals_agree_to_the_event_when_counters_begin_again(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    ingest = world.house.gateway.ingest
    now = int(time.time() * 1000)
    for sent, at, since in ((1000, 10, 0), (1500, 20, 0), (40, 30, 25), (90, 40, 25)):
        await agent.beat(status(pipeline_id, sent, now + at * 1000, now + since * 1000))
        await ingest.flush()
    seen = await rates(world, pipeline_id)
    assert seen.components["out"].received_events_total == 1590
    assert seen.components["out"].received_events_per_second == pytest.approx(5.0)
    # The same heartbeat again changes nothing.
    await agent.beat(status(pipeline_id, 90, now + 40_000, now + 25_000))
    await ingest.flush()
    again = await rates(world, pipeline_id)
    assert again.components == seen.components


async def test_a_node_whose_counters_begin_again_and_again_has_few_runs_and_its_whole_total(world) -> None:
    agents, pipeline_id = await deployed(world, 2)
    ingest = world.house.gateway.ingest
    now = int(time.time() * 1000)
    await agents[1].beat(status(pipeline_id, 7, now + 1000, now))
    for run in range(60):
        since = now + run * 60_000
        told = status(pipeline_id, 100 + run, since + 10_000, since)
        # A name that comes once: what is folded keeps it.
        told = msgspec.structs.replace(
            told, components=(*told.components, messages.ComponentCounters(id=f"c{run}", received_events=run))
        )
        await agents[0].beat(told)
        assert await ingest.flush()
        async with world.scoped() as txn:
            assert await txn.value("select count(*) from counter_runs") <= 17
    seen = await rates(world, pipeline_id)
    total = sum(100 + run for run in range(60)) + 7
    assert seen.components["out"].received_events_total == total
    assert seen.components["out"].outputs["_default"].events_total == total
    assert [seen.components[f"c{run}"].received_events_total for run in range(60)] == list(range(60))
    assert seen.components["c59"].received_events_per_second == pytest.approx(5.9)


async def test_a_node_is_shown_as_it_says_it_is(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    now = int(time.time() * 1000)
    host = messages.HostMetrics(cpu_percent=12.5, memory_used_bytes=5, memory_total_bytes=10, load1=0.5)
    answer = await agent.beat(
        status(pipeline_id, 100, now, now - 10_000), host=host, agent=messages.AgentHealth(version="0.2.0")
    )
    assert answer.at >= now
    assert answer.intervals.heartbeat_seconds > 0
    await world.house.gateway.ingest.flush()
    async with world.scoped() as txn:
        node = await world.house.fleet.node(txn, world.environment_id, agent.node_id)
    assert (node.status, node.reasons, node.agent_version) == ("healthy", [], "0.2.0")
    assert (node.pipelines_running, node.pipelines_assigned) == (1, 1)
    assert node.rates.received == pytest.approx(10.0)
    assert node.host.cpu_percent == 12.5
    assert node.assignments[0].actual.state == "running"
    assert node.assignments[0].actual.revision == 1
    await agent.beat(
        status(pipeline_id, 100, now, now, state="crash_loop"), agent=messages.AgentHealth(stale=True)
    )
    await world.house.gateway.ingest.flush()
    async with world.scoped() as txn:
        node = (await world.house.fleet.nodes(txn, world.environment_id, NodeFilter(status="degraded")))[0]
        assert sorted(node.reasons) == ["crash_loop", "stale"]
        assert await world.house.fleet.nodes(txn, world.environment_id, NodeFilter(status="healthy")) == []


async def test_a_node_that_misses_three_heartbeats_is_unreachable(world, database_url) -> None:
    (agent,), pipeline_id = await deployed(world)
    now = int(time.time() * 1000)
    await agent.beat(status(pipeline_id, 1, now, now - 1000))
    await world.house.gateway.ingest.flush()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        await owner.execute(
            "update node_presence set last_seen_at = now() - interval '46 s' where node_id = %s",
            [agent.node_id],
        )
        await owner.execute(
            "update counter_runs set received_at = now() - interval '46 s' where node_id = %s",
            [agent.node_id],
        )
    async with world.scoped() as txn:
        assert (
            await world.house.fleet.node(txn, world.environment_id, agent.node_id)
        ).status == "unreachable"
    seen = await rates(world, pipeline_id)
    assert seen.stale_seconds > 40
    assert seen.components["out"].received_events_per_second == 0
    assert seen.components["out"].received_events_total == 1


async def test_hostile_heartbeats_cost_nobody_the_flush(world) -> None:
    agents, pipeline_id = await deployed(world, 2)
    now = int(time.time() * 1000)
    hostile = messages.PipelineStatus(
        id=str(pipeline_id),
        state="\x00\u202e",
        message="\x00" * 5000,
        number=2**40,
        counters_at=2**62,
        counters_since=-5,
        components=(
            messages.ComponentCounters(
                id="a\x00b" * 100, sent_events={"\x00": 2**80, "": 1}, received_events=-1, errors=2**70
            ),
            messages.ComponentCounters(id="a\x00b" * 100),
            messages.ComponentCounters(id=""),
        ),
    )
    await agents[0].beat(hostile, hostile, messages.PipelineStatus(id="nonsense", state="running"))
    await agents[1].beat(status(pipeline_id, 7, now, now - 1000))
    assert await world.house.gateway.ingest.flush()
    assert (await rates(world, pipeline_id)).components["out"].received_events_total == 7
    for body in (
        b"",
        b"{}",
        b'{"at": "x"}',
        b"[1]",
        b'{"at":1,"sequence":1,"pipelines":[{"id":"\\ud800","state":"x"}]}',
    ):
        answer = await agents[0].call("POST", "/agent/v1/heartbeat", content=body)
        assert answer.status_code in (200, 400), body
    assert await world.house.gateway.ingest.flush()


async def test_counters_of_a_pipeline_never_assigned_to_the_node_do_not_count(world) -> None:
    (first, second), pipeline_id = await deployed(world, 2)
    own = await world.pipeline()
    now = int(time.time() * 1000)
    await second.beat(status(own, 1000, now, now - 1000))
    await first.beat(status(pipeline_id, 5, now, now - 1000))
    await world.house.gateway.ingest.flush()
    assert (await rates(world, own)).components == {}
    assert (await rates(world, pipeline_id)).components["out"].received_events_total == 5
    series = await world.house.telemetry.series(
        world.organization_id, world.environment_id, own, component="out", metric="received", minutes=60
    )
    assert series.points == []


async def test_a_series_shows_events_per_second(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    since = int(time.time() * 1000) - 60_000
    for sent in (100, 160):
        await agent.beat(status(pipeline_id, sent, int(time.time() * 1000), since))
        await world.house.gateway.ingest.flush()
    series = await world.house.telemetry.series(
        world.organization_id,
        world.environment_id,
        pipeline_id,
        component="out",
        metric="received",
        minutes=60,
    )
    assert sum(point.value for point in series.points) * 30 == pytest.approx(160, abs=0.5)


async def test_a_database_that_is_down_costs_nothing_but_time(world, monkeypatch) -> None:
    (agent,), pipeline_id = await deployed(world)
    ingest = world.house.gateway.ingest
    now = int(time.time() * 1000)
    await ingest.flush()

    class Down:
        def unscoped(self):
            raise DatabaseUnavailable

    real = ingest._database
    monkeypatch.setattr(ingest, "_database", Down())
    await agent.beat(status(pipeline_id, 10, now, now - 1000))
    assert not await ingest.flush()
    assert ingest.waiting == 1
    monkeypatch.setattr(ingest, "_database", real)
    assert await ingest.flush()
    assert (await rates(world, pipeline_id)).components["out"].received_events_total == 10


async def test_a_large_flush_is_written_in_pieces_and_what_was_not_stays(world, monkeypatch) -> None:
    agents, pipeline_id = await deployed(world, 3)
    ingest = world.house.gateway.ingest
    flush = await alone(ingest, monkeypatch)
    now = int(time.time() * 1000)
    for agent in agents:
        await agent.beat(status(pipeline_id, 10, now, now - 1000))
    size = ingest.waiting_bytes
    monkeypatch.setattr("vectorflow.telemetry.ingest._PIECE_BYTES", size // 2)
    written: list[int] = []
    real = ingest._write

    async def once(beats) -> None:
        if written:
            raise DatabaseUnavailable
        await real(beats)
        written.append(len(beats))

    monkeypatch.setattr(ingest, "_write", once)
    assert not await flush()
    assert written == [2]
    assert ingest.waiting == 1
    assert 0 < ingest.waiting_bytes < size // 2
    monkeypatch.setattr(ingest, "_write", real)
    assert await flush()
    assert (ingest.waiting, ingest.waiting_bytes) == (0, 0)
    assert (await rates(world, pipeline_id)).components["out"].received_events_total == 30


async def test_a_flush_that_the_end_of_the_gateway_cuts_off_is_written_by_the_last_one(
    world, monkeypatch
) -> None:
    (agent,), pipeline_id = await deployed(world)
    ingest = world.house.gateway.ingest
    flush = await alone(ingest, monkeypatch)
    now = int(time.time() * 1000)
    await agent.beat(status(pipeline_id, 10, now, now - 1000))
    begun = asyncio.Event()
    real = ingest._write

    async def held(beats) -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(ingest, "_write", held)
    cut_off = asyncio.create_task(flush())
    await asyncio.wait_for(begun.wait(), 5)
    cut_off.cancel()
    await asyncio.gather(cut_off, return_exceptions=True)
    monkeypatch.setattr(ingest, "_write", real)
    monkeypatch.setattr(ingest, "flush", flush)
    await ingest.close()
    assert (await rates(world, pipeline_id)).components["out"].received_events_total == 10


async def test_a_full_buffer_says_when_to_come_again(world) -> None:
    (first, second), _ = await deployed(world, 2)
    small = Ingest(world.house.telemetry_writer, world.house.fleet._clock, heartbeat_seconds=15, most_nodes=1)
    tokens = world.house.gateway.tokens
    authorities = []
    for agent in (first, second):
        token = tokens.presented(None, f"Bearer {agent.told.node_token}", "vfn")
        authorities.append(await tokens.node(token, "127.0.0.1"))
    beat = messages.HeartbeatRequest(at=1, sequence=1)
    small.take(authorities[0], beat)
    small.take(authorities[0], beat)
    with pytest.raises(IngestFull) as caught:
        small.take(authorities[1], beat)
    assert caught.value.headers["Retry-After"] == "5"


async def test_another_gateway_goes_on_where_a_killed_one_left(house, world) -> None:
    (agent,), pipeline_id = await deployed(world)
    now = int(time.time() * 1000)
    await agent.beat(status(pipeline_id, 100, now, now - 10_000))
    await house.gateway.ingest.flush()
    # The second heartbeat is lost with its gateway; the third goes to another one.
    other = Gateway(
        house.app,
        house.telemetry_writer,
        bus=house.bus,
        signing=house.fleet._signing,
        clock=house.fleet._clock,
        options=GatewayOptions(),
    )
    token = other.tokens.presented(None, f"Bearer {agent.told.node_token}", "vfn")
    request = messages.HeartbeatRequest(
        at=now, sequence=3, pipelines=(status(pipeline_id, 300, now + 20_000, now - 10_000),)
    )
    other.ingest.take(await other.tokens.node(token, "127.0.0.1"), request)
    async with other.running():
        pass  # leaving flushes what is buffered
    seen = await rates(world, pipeline_id)
    assert seen.components["out"].received_events_total == 300
    assert seen.components["out"].received_events_per_second == pytest.approx(10.0)


async def test_new_counters_are_told_on_the_bus(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    told = asyncio.Event()
    end = world.house.bus.subscribe(
        "telemetry.rates", lambda message: told.set() if message["pipeline_id"] == str(pipeline_id) else None
    )
    now = int(time.time() * 1000)
    await agent.beat(status(pipeline_id, 1, now, now - 1000))
    async with asyncio.timeout(60):
        await told.wait()
    end()


def test_the_answer_is_small() -> None:
    assert len(msgspec.json.encode(messages.HeartbeatAnswer(generation=1, issue=1, at=1))) < 100
