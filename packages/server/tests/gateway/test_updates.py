"""Updates over the gateway: some nodes at a time, paused by failures, and the files that agents fetch."""

import hashlib
import time
from uuid import UUID

import pytest
from nacl.signing import SigningKey

from vectorflow.fleet.errors import NodeGroupInUse, NodeGroupNotFound, UpdatePlanNotFound, VersionNotListed
from vectorflow.fleet.group_types import GroupValues
from vectorflow.fleet.jobs import update_all
from vectorflow.fleet.release_shelf import ReleaseShelf, import_releases
from vectorflow.fleet.updates import UpdateService
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.clock import SystemClock
from vectorflow.kernel.ids import new_id
from vectorflow_wire import envelope, releases, statements
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.keys import key_id
from vectorflow_wire.messages import AgentHealth, EngineFacts, ReportKind
from vectorflow_wire.verify import Trust

KEY = SigningKey.generate()
CONTENT = b"0123456789" * 100_000


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


@pytest.fixture
def shelf(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.zip").write_bytes(CONTENT)
    (source / "vector").write_bytes(b"a vector")
    common = {"os": "any", "arch": "any"}
    listed = (
        releases.Release(
            program="agent",
            version="0.2.0",
            digest=digest(CONTENT),
            size=len(CONTENT),
            file="a.zip",
            **common,
        ),
        releases.Release(
            program="vector", version="0.57.0", digest=digest(b"a vector"), size=8, file="vector", **common
        ),
    )
    now = time.time_ns() // 1_000_000
    index = releases.ReleaseIndex(
        number=1, issued_at=now, expires_at=now + 3_600_000, minimum="0.1.0", releases=listed
    )
    signer = envelope.MemorySigner(KEY, key_id(bytes(KEY.verify_key)))
    (source / "index.json").write_bytes(releases.index_sign(index, signer))
    import_releases(source, tmp_path / "shelf", [base64_text(bytes(KEY.verify_key))])
    return ReleaseShelf(tmp_path / "shelf")


@pytest.fixture
def updates(house, shelf):
    return UpdateService(house.statements, house.groups, shelf, SystemClock())


async def plan(world, updates, **options):
    values = {"group_id": None, "program": "agent", "target": "0.2.0", "step": 1, "unit": "nodes"}
    async with world.scoped() as txn:
        return await updates.create(
            txn, world.environment_id, actor=SYSTEM, **({"most_failures": 0} | values | options)
        )


async def shown(world, updates, made):
    async with world.scoped() as txn:
        overview = await updates.overview(txn, world.environment_id)
    return next(each for each in overview.items if each.id == made.id)


VERSIONS: dict[UUID, str] = {}
"""What each agent last said that it runs."""


async def heard(world, agents, version="0.1.0", engine="0.1.0"):
    for agent in agents:
        VERSIONS[agent.node_id] = version
        await agent.beat(
            agent=AgentHealth(version=version), engine=EngineFacts(kind="vector", version=engine)
        )
    await world.house.gateway.ingest.flush()
    await world.house.gateway.engines.settle()


async def advance(world, updates):
    await update_all(world.house.worker, updates)
    await world.sign()


async def asked(world, agent):
    """The update that a node is told now, verified as an agent does; None when it is told none."""
    await agent.poll()
    # A heartbeat that is stored meanwhile must not take back what the agent said of itself.
    answer = await agent.beat(agent=AgentHealth(version=VERSIONS.get(agent.node_id, "0.1.0")))
    for signed in answer.statements:
        content = statements.verify_statement(
            signed,
            trust=Trust(keys=agent.key_list),
            node=agent.told.node_id,
            organization=agent.told.organization,
            spent={},
            now=int(time.time() * 1000),
        )
        if content.kind == "update":
            return content
    return None


async def answered(agent, statement, *, kind=ReportKind.STATEMENT_DONE, **options):
    await agent.send(agent.report(kind, statement=statement.id, **options))


async def all_asked(world, agents):
    told = [(agent, await asked(world, agent)) for agent in agents]
    return [(agent, statement) for agent, statement in told if statement is not None]


async def test_nodes_are_asked_some_at_a_time_until_all_run_it(world, updates) -> None:
    agents = await world.agents(3)
    await heard(world, agents)
    made = await plan(world, updates)
    assert (made.nodes, made.counts) == (3, {"waiting": 3})
    for turn in range(1, 4):
        await advance(world, updates)
        # Asked again while one has not answered, nobody else is told.
        await advance(world, updates)
        ((agent, statement),) = await all_asked(world, agents)
        assert statement.read(statements.UpdateArguments).agent.version == "0.2.0"
        await answered(agent, statement)
        await world.bus_settled()
        await heard(world, [agent], version="0.2.0")
        assert (await shown(world, updates, made)).counts["done"] == turn
    await advance(world, updates)
    assert (await shown(world, updates, made)).counts == {"done": 3}


async def test_a_failure_pauses_with_its_reason_and_a_person_lets_it_go_on(world, updates) -> None:
    agents = await world.agents(3)
    await heard(world, agents)
    made = await plan(world, updates, step=50, unit="percent")
    await advance(world, updates)
    told = await all_asked(world, agents)
    assert len(told) == 2
    (agent, statement), (other, second) = told
    message = "it needs 9 bytes, but the disk is full"
    await answered(agent, statement, kind=ReportKind.STATEMENT_REFUSED, reason="disk-full", message=message)
    await answered(other, second)
    await world.bus_settled()
    await heard(world, [other], version="0.2.0")
    await advance(world, updates)
    paused = await shown(world, updates, made)
    assert paused.state == "paused"
    assert message in paused.reason
    assert paused.counts == {"failed": 1, "done": 1, "waiting": 1}
    async with world.scoped() as txn:
        first, *_ = await updates.nodes(txn, world.environment_id, made.id)
    assert (first.node_id, first.state, first.reason) == (agent.node_id, "failed", "disk-full")
    await advance(world, updates)
    assert await all_asked(world, agents) == []
    async with world.scoped() as txn:
        await updates.change(txn, world.environment_id, made.id, "running", SYSTEM)
    await advance(world, updates)
    assert {each.node_id for each, _ in await all_asked(world, agents)} == {
        each.node_id for each in agents if each is not other
    }


async def test_only_nodes_of_the_group_are_asked_and_the_newest_plan_counts(
    world, updates, make_agent
) -> None:
    canary = make_agent("canary")
    await canary.enroll(await world.token(labels={"canary": "yes"}))
    agents = [canary, *await world.agents(1)]
    await heard(world, agents)
    async with world.scoped() as txn:
        values = GroupValues(name="canaries", selector="canary=yes")
        group = await world.house.groups.create(txn, world.environment_id, values, SYSTEM)
    everybody = await plan(world, updates, program="engine", target="0.57.0", step=10)
    canaries = await plan(world, updates, program="engine", target="0.57.0", group_id=group.id)
    assert (canaries.nodes, everybody.nodes) == (1, 2)
    await advance(world, updates)
    told = await all_asked(world, agents)
    assert {statement.read(statements.UpdateArguments).plan for _, statement in told} == {
        str(canaries.id),
        str(everybody.id),
    }
    assert len(told) == 2
    async with world.scoped() as txn:
        with pytest.raises(NodeGroupInUse):
            await world.house.groups.delete(txn, world.environment_id, group.id, group.etag, SYSTEM)
    async with world.scoped() as txn:
        await updates.change(txn, world.environment_id, canaries.id, "ended", SYSTEM)
        with pytest.raises(UpdatePlanNotFound):
            await updates.nodes(txn, world.environment_id, canaries.id)
        await world.house.groups.delete(txn, world.environment_id, group.id, group.etag, SYSTEM)


async def test_what_is_not_listed_and_nobodys_group_are_refused(world, updates) -> None:
    with pytest.raises(VersionNotListed):
        await plan(world, updates, target="9.9.9")
    with pytest.raises(NodeGroupNotFound):
        await plan(world, updates, group_id=new_id())
    first = await plan(world, updates)
    second = await plan(world, updates)
    async with world.scoped() as txn:
        overview = await updates.overview(txn, world.environment_id)
    assert [each.id for each in overview.items] == [second.id]
    assert first.id != second.id
    assert {(each.program, each.version) for each in overview.releases} == {
        ("agent", "0.2.0"),
        ("engine", "0.57.0"),
    }


async def test_agents_fetch_index_and_files_from_where_they_were(world, shelf) -> None:
    (agent,) = await world.agents(1)
    path = releases.RELEASES_PATH
    assert (await agent.call("GET", path)).status_code == 404
    world.house.gateway._releases = shelf
    try:
        index = await agent.call("GET", path)
        assert index.content == await shelf.index()
        name = digest(CONTENT).removeprefix("sha256:")
        whole = await agent.call("GET", f"{path}/{name}")
        assert (whole.status_code, whole.content) == (200, CONTENT)
        rest = await agent.call("GET", f"{path}/{name}", headers={"range": "bytes=999000-"})
        assert (rest.status_code, rest.content) == (206, CONTENT[999_000:])
        assert rest.headers["content-range"] == f"bytes 999000-{len(CONTENT) - 1}/{len(CONTENT)}"
        past = await agent.call("GET", f"{path}/{name}", headers={"range": f"bytes={len(CONTENT)}-"})
        assert (past.status_code, len(past.content)) == (200, len(CONTENT))
        for bad in ("../index.json", "index.json", "0" * 63):
            assert (await agent.call("GET", f"{path}/{bad}")).status_code in {400, 404}
        assert (await agent.call("GET", f"{path}/{'0' * 64}")).status_code == 404
        assert (await agent.call("GET", path, token="vfn_no_no_no")).status_code == 401
    finally:
        world.house.gateway._releases = None
