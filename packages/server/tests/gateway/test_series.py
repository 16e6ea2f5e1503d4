"""Series: what heartbeats told over time, of components, whole pipelines and machines."""

import time
import uuid

import msgspec
import psycopg
import pytest
from packages.server.tests.gateway.test_heartbeats import deployed, status

from vectorflow.fleet.errors import NodeNotFound
from vectorflow.telemetry.errors import MetricOfComponents
from vectorflow_wire import messages


async def series(world, pipeline_id, metric, component=None, minutes=15):
    return await world.house.telemetry.series(
        world.organization_id,
        world.environment_id,
        pipeline_id,
        component=component,
        metric=metric,
        minutes=minutes,
    )


def beaten(pipeline_id, count, since, took=None, **gauges):
    """A status with a source, a transform that reports its times, and a sink."""
    now = int(time.time() * 1000)
    source = messages.ComponentCounters(id="lines", kind="source", received_events=count, errors=1)
    transform = messages.ComponentCounters(
        id="change", kind="transform", received_events=count, errors=1, discarded=2, latency=took, **gauges
    )
    sink = messages.ComponentCounters(id="out", kind="sink", sent_events={"_default": count - 2})
    return msgspec.structs.replace(status(pipeline_id, 0, now, since), components=(source, transform, sink))


async def test_a_whole_pipeline_receives_at_sources_and_sends_at_sinks(world) -> None:
    agents, pipeline_id = await deployed(world, 2)
    since = int(time.time() * 1000) - 5000
    for agent in agents:
        await agent.beat(beaten(pipeline_id, 32, since))
    await world.house.gateway.ingest.flush()
    totals = {}
    for metric in ("received", "sent", "errors", "discarded"):
        seen = await series(world, pipeline_id, metric)
        assert (seen.unit, seen.bucket_seconds) == ("events_per_second", 30)
        totals[metric] = round(sum(point.value for point in seen.points) * 30)
    assert totals == {"received": 64, "sent": 60, "errors": 4, "discarded": 4}
    with pytest.raises(MetricOfComponents):
        await series(world, pipeline_id, "latency")


async def test_times_are_means_of_what_was_measured_and_shares_of_what_was_reported(world) -> None:
    (first, second), pipeline_id = await deployed(world, 2)
    since = int(time.time() * 1000) - 5000
    # One has run for long: only what came since the heartbeat before counts, 10 events of 40 ms.
    old = since - 86_400_000
    for count in (1000, 1010):
        took = messages.Durations(count=count, total_us=count * 40_000)
        await first.beat(beaten(pipeline_id, count, old, took, utilization=0.25))
        await world.house.gateway.ingest.flush()
    await second.beat(
        beaten(
            pipeline_id,
            30,
            since,
            messages.Durations(count=30, total_us=30 * 20_000),
            utilization=0.75,
            buffer_events=100,
            buffer_max_events=500,
        )
    )
    await world.house.gateway.ingest.flush()
    times = await series(world, pipeline_id, "latency", "change")
    assert times.unit == "seconds"
    assert times.points[-1].value in (pytest.approx(0.025), pytest.approx(0.02))
    busy = await series(world, pipeline_id, "utilization", "change")
    assert all(0.25 <= point.value <= 0.75 for point in busy.points)
    assert busy.points
    fullest = await series(world, pipeline_id, "buffer", "change")
    assert [point.value for point in fullest.points] == [pytest.approx(0.2)]
    for metric, component in (("lag", "change"), ("latency", "lines"), ("buffer", "lines")):
        assert (await series(world, pipeline_id, metric, component)).points == []


async def test_a_machine_is_kept_over_time_and_its_network_is_a_rate(world, database_url) -> None:
    (agent,), pipeline_id = await deployed(world)
    host = messages.HostMetrics(
        cpu_percent=50.0, load1=1.5, memory_used_bytes=3, memory_total_bytes=8, disk_free_bytes=1,
        disk_total_bytes=4, network_received_bytes=1000, network_sent_bytes=500,
    )  # fmt: skip
    await agent.beat(beaten(pipeline_id, 1, 0), host=host)
    await world.house.gateway.ingest.flush()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as owner:
        # Ten seconds before, in the same bucket whatever the clock says.
        await owner.execute(
            "update host_metrics set at = to_timestamp(floor(extract(epoch from now()) / 30) * 30 - 30) "
            "where node_id = %s",
            [agent.node_id],
        )
        await owner.execute(
            "insert into host_metrics select organization_id, node_id, at + interval '10 s', 100, load1, "
            "memory_used_bytes, memory_total_bytes, disk_free_bytes, disk_total_bytes, 3000, 400 "
            "from host_metrics where node_id = %s",
            [agent.node_id],
        )
    seen = await world.house.telemetry.host_series(
        world.organization_id, world.environment_id, agent.node_id, minutes=15
    )
    (point,) = seen.points
    assert (point.cpu_percent, point.load1, point.disk_used_bytes) == (75.0, 1.5, 3.0)
    assert (point.memory_used_bytes, point.memory_total_bytes) == (3.0, 8.0)
    # What was sent fell: the machine was started again, and how much that was is not known.
    assert (point.received_bytes_per_second, point.sent_bytes_per_second) == (200.0, None)
    with pytest.raises(NodeNotFound):
        await world.house.telemetry.host_series(
            world.organization_id, world.environment_id, uuid.uuid4(), minutes=15
        )


async def test_a_node_that_tells_nothing_of_its_machine_has_no_row(world) -> None:
    (agent,), pipeline_id = await deployed(world)
    await agent.beat(beaten(pipeline_id, 1, 0))
    await world.house.gateway.ingest.flush()
    seen = await world.house.telemetry.host_series(
        world.organization_id, world.environment_id, agent.node_id, minutes=15
    )
    assert seen.points == []
