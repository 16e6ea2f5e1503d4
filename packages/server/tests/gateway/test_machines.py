"""What a machine says of itself, told again: kept without controls, shown to people, and never selecting anything."""

import msgspec

from vectorflow.fleet.machines import described
from vectorflow_wire.messages import MACHINE_PATH, Machine, Platform


async def tell(agent, **fields):
    machine = Machine(**({"hostname": "a", "platform": Platform(os="linux", arch="x86_64")} | fields))
    return await agent.call("PUT", MACHINE_PATH, content=msgspec.json.encode(machine))


async def node(world, agent):
    async with world.scoped() as txn:
        return await world.house.fleet.node(txn, world.environment_id, agent.node_id)


async def test_a_node_that_enrolled_long_ago_tells_what_its_machine_is_now(world, make_agent):
    agent = make_agent("old")
    await agent.enroll(await world.token(), facts={})
    name = (await node(world, agent)).name
    platform = Platform(os="linux", os_version="6.12", arch="aarch64")
    facts = {"cloud": "aws\x1b", "distribution": "d" * 2000}
    assert (await tell(agent, hostname="new", platform=platform, facts=facts)).status_code == 200
    now = await node(world, agent)
    assert (now.hostname, now.platform) == ("new", "linux 6.12 aarch64")
    assert now.facts["distribution"] == "d" * 1000
    assert now.facts["cloud"].startswith("aws")
    assert "\x1b" not in now.facts["cloud"]
    assert (now.name, now.labels) == (name, {}), "what people assign stays theirs"


async def test_the_same_again_writes_nothing(world, make_agent):
    agent = make_agent("same")
    await agent.enroll(await world.token())

    async def written():
        async with world.scoped() as txn:
            return await txn.value("select xmin::text from nodes where id = %(id)s", {"id": agent.node_id})

    assert (await tell(agent, facts={"cloud": "gcp"})).status_code == 200
    before = await written()
    assert (await tell(agent, facts={"cloud": "gcp"})).status_code == 200
    assert await written() == before
    assert (await tell(agent, facts={"cloud": "aws"})).status_code == 200
    assert await written() != before


def test_a_machine_without_a_name_is_called_unnamed():
    assert described(Machine(hostname=" ")).hostname == "unnamed"


async def test_nonsense_too_much_and_too_often_are_refused(world, make_agent):
    agent = make_agent("loud")
    await agent.enroll(await world.token())
    assert (await agent.call("PUT", MACHINE_PATH, content=b'{"hostname": 3}')).status_code == 400
    assert (await tell(agent, facts={"a": "x" * 70_000})).status_code == 413
    many = {f"fact-{number}": "x" for number in range(150)}
    assert (await tell(agent, facts=many)).status_code == 200
    assert len((await node(world, agent)).facts) == 100
    answers = [(await tell(agent)).status_code for _ in range(8)]
    assert answers[-1] == 429
