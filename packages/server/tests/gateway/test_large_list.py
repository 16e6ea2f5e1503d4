"""The list of a large fleet: what is told of a node is looked up for the nodes of the page alone."""

import msgspec
from psycopg.types.json import Jsonb

from vectorflow.fleet.store import nodes as store
from vectorflow.fleet.store.nodes import NodeFilter
from vectorflow.platform.database import Transaction

MANY, PAGE = 600, 51


async def fill(world) -> None:
    """Many nodes in the environment, each a machine that has just been heard."""
    async with world.scoped() as txn:
        await txn.execute(
            """with made as (
                insert into nodes (organization_id, id, environment_id, name, machine_id, hostname, identity_key,
                    sealing_key, labels)
                select %(organization_id)s, gen_random_uuid(), %(env)s, 'large-' || lpad(i::text, 5, '0'), 'm' || i,
                    'h' || i, sha256('a'), sha256('b'), %(labels)s
                from generate_series(1, %(many)s) as i
                returning organization_id, id, environment_id)
            insert into node_presence (organization_id, node_id, environment_id, heartbeat_seconds)
            select organization_id, id, environment_id, 15 from made""",
            {"env": world.environment_id, "many": MANY, "labels": Jsonb({})},
        )


class Explaining:
    """A transaction whose rows are read as plans."""

    def __init__(self, txn: Transaction) -> None:
        self._txn = txn
        self.plan: dict = {}

    async def rows(self, into, sql, parameters):
        bound = {"organization_id": self._txn.organization_id, **parameters}
        cursor = await self._txn.connection.execute("explain (analyze, format json) " + sql, bound)
        self.plan = (await cursor.fetchone())["QUERY PLAN"][0]["Plan"]
        return []


def looked_up(plan: dict, table: str) -> int:
    """How often a table was looked into."""
    own = plan["Actual Loops"] if plan.get("Relation Name") == table else 0
    return max([own, *(looked_up(each, table) for each in plan.get("Plans", ()))])


async def test_a_page_costs_its_own_rows(world) -> None:
    await fill(world)
    async with world.scoped() as txn:
        explaining = Explaining(txn)
        await store.node_list(explaining, world.environment_id, NodeFilter(), after=None, limit=PAGE)
        for table in ("node_presence", "assignments", "bundles"):
            assert 1 <= looked_up(explaining.plan, table) <= PAGE, table
        # By something that is computed of each node all have to be looked at: the test can tell the difference.
        by_status = NodeFilter(status="degraded")
        await store.node_list(explaining, world.environment_id, by_status, after=None, limit=PAGE)
        assert looked_up(explaining.plan, "assignments") >= MANY


async def test_pages_are_the_whole_list_in_order_and_filters_agree(world) -> None:
    await fill(world)
    async with world.scoped() as txn:
        seen: list[store.NodeRow] = []
        after = None
        while rows := await store.node_list(txn, world.environment_id, NodeFilter(), after=after, limit=PAGE):
            seen += rows
            after = rows[-1].name, rows[-1].id
        assert [each.name for each in seen] == sorted(each.name for each in seen)
        assert len({each.id for each in seen}) == MANY
        some = NodeFilter(text="LARGE-0001")
        found = await store.node_list(txn, world.environment_id, some, after=None, limit=PAGE)
        same = msgspec.structs.replace(some, status="pending")
        assert [each.id for each in found] == [
            each.id for each in await store.node_list(txn, world.environment_id, same, after=None, limit=PAGE)
        ]
        assert len(found) == 10
