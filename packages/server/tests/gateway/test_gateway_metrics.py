"""`entry.gateway_metrics`: what is refused is counted, without a label that an agent could choose."""

import asyncio

from prometheus_client import CollectorRegistry, generate_latest

from vectorflow.entry.gateway_metrics import GatewayMetrics


def value(registry: CollectorRegistry, name: str) -> float:
    lines = generate_latest(registry).decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


async def test_a_full_buffer_answers_429_and_is_counted(world, monkeypatch) -> None:
    first, second = await world.agents(2)
    ingest = world.house.gateway.ingest
    registry = CollectorRegistry()
    GatewayMetrics(world.house.gateway, registry)
    await ingest.flush()
    before = value(registry, "vectorflow_gateway_heartbeats_shed_total")
    async with ingest._lock:  # no flush meanwhile
        await first.beat()
        monkeypatch.setattr(ingest, "_most_bytes", ingest.waiting_bytes)
        assert value(registry, "vectorflow_gateway_heartbeats_waiting_bytes") == ingest.waiting_bytes > 0
        refused = await second.call("POST", "/agent/v1/heartbeat", content=b'{"at":1,"sequence":1}')
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        await first.beat()  # a newer one of the same node takes the place of the older
        # ... but not when it is larger than what fits.
        larger = b'{"at":1,"sequence":1,"pipelines":[{"id":"%b","state":"%b"}]}' % (b"0" * 32, b"x" * 40)
        refused = await first.call("POST", "/agent/v1/heartbeat", content=larger)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
        assert ingest.waiting_bytes <= ingest._most_bytes
    assert value(registry, "vectorflow_gateway_heartbeats_shed_total") == before + 2
    assert value(registry, 'vectorflow_gateway_requests_total{call="heartbeat",outcome="429"}') >= 1
    assert await ingest.flush()
    assert value(registry, "vectorflow_gateway_heartbeats_waiting_bytes") == 0


async def test_a_fault_of_ours_is_counted_and_asks_agents_to_wait(world, monkeypatch) -> None:
    agent = (await world.agents(1))[0]

    async def broken(call) -> None:
        raise RuntimeError("unforeseen: hush")

    monkeypatch.setitem(world.house.gateway._routes, ("GET", "/agent/v1/desired"), ("desired", broken))
    registry = CollectorRegistry()
    GatewayMetrics(world.house.gateway, registry)
    refused = await agent.call("GET", "/agent/v1/desired")
    assert (refused.status_code, refused.headers["retry-after"]) == (500, "5")
    assert "hush" not in refused.text
    assert value(registry, 'vectorflow_gateway_requests_total{call="desired",outcome="500"}') >= 1


async def test_calls_are_counted_by_our_words_alone(world) -> None:
    agent = (await world.agents(1))[0]
    await agent.call("GET", "/agent/v1/files/" + "0" * 64)
    await agent.call("GET", "/agent/v1/desired", token="vfn_x")
    await agent.call("GET", "/pot/of?tea")
    registry = CollectorRegistry()
    GatewayMetrics(world.house.gateway, registry)
    text = generate_latest(registry).decode()
    assert 'call="file",outcome="404"' in text
    assert 'call="desired",outcome="401"' in text
    assert 'call="other",outcome="404"' in text
    assert "pot" not in text
    assert world.slug not in text


async def test_the_loops_lag_is_seen(house) -> None:
    registry = CollectorRegistry()
    watching = asyncio.create_task(GatewayMetrics(house.gateway, registry).watch())
    while not value(registry, "vectorflow_gateway_loop_lag_seconds_count"):
        await asyncio.sleep(0.05)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
