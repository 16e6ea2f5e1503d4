"""Rollouts to thousands of nodes: what is told of one is small, and its nodes come in pages."""

from collections import Counter
from uuid import UUID

import msgspec
import pytest

from vectorflow.delivery import store
from vectorflow.delivery.types import NewRollout
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.http.cursors import encode_cursor

MANY, PAGE = 2_000, 100
BATCHES = [20, 60, 180, 540, 1_200]


@pytest.fixture
async def large(world) -> UUID:
    """A rollout to many nodes: the first batch has applied it but for a few, some have said why not."""
    async with world.scoped() as txn:
        await txn.execute(
            """insert into nodes (organization_id, id, environment_id, name, machine_id, hostname, identity_key,
                sealing_key, labels)
            select %(organization_id)s, gen_random_uuid(), %(env)s, 'large-' || lpad(i::text, 5, '0'), 'm' || i,
                'h' || i, sha256('a'), sha256('b'), '{}'
            from generate_series(1, %(many)s) as i""",
            {"env": world.environment_id, "many": MANY},
        )
    pipeline_id = await world.pipeline()
    async with world.scoped() as txn:
        new = NewRollout(batch_size=BATCHES[0], message="x" * 100)
        made = await world.house.delivery.start_rollout(txn, SYSTEM, world.environment_id, pipeline_id, new)
    await turn(world, made.id, "applied", "assigned", BATCHES[0])
    await turn(world, made.id, "refused", "applied", 3)
    await turn(world, made.id, "silent", "waiting", 2)
    return made.id


async def turn(world, rollout_id: UUID, state: str, before: str, many: int) -> None:
    """Change the state of so many nodes, those with the least ids."""
    async with world.scoped() as txn:
        await txn.execute(
            """update rollout_nodes set state = %(state)s
            where organization_id = %(organization_id)s and rollout_id = %(id)s and node_id = any(array(
                select node_id from rollout_nodes
                where organization_id = %(organization_id)s and rollout_id = %(id)s and state = %(before)s
                order by node_id limit %(many)s))""",
            {"id": rollout_id, "state": state, "before": before, "many": many},
        )


class Counting:
    """A transaction that remembers what was read in it."""

    def __init__(self, txn) -> None:
        self._txn = txn
        self.read: list[str] = []

    async def rows(self, into, sql, parameters):
        self.read.append(sql)
        return await self._txn.rows(into, sql, parameters)


async def explained(txn, sql: str, parameters: dict) -> str:
    """The plan of a statement, as it was run."""
    bound = {"organization_id": txn.organization_id, **parameters}
    cursor = await txn.connection.execute("explain (analyze, costs off, timing off) " + sql, bound)
    return "\n".join([row["QUERY PLAN"] for row in await cursor.fetchall()])


async def test_a_rollout_and_the_list_say_how_many_stand_where(world, large, sign_in) -> None:
    owner = await sign_in("owner")
    alone = await owner.call("GET", f"/rollouts/{large}")
    (listed,) = (await owner.call("GET", "/rollouts")).json()["items"]
    rollout = alone.json()
    assert listed == rollout
    assert len(alone.content) < 2_000
    assert rollout["counts"] == {
        "applied": 17, "refused": 3, "silent": 2, "waiting": MANY - 22, "assigned": 0, "crashed": 0, "kept": 0,
    }  # fmt: skip
    assert [sum(each["counts"].values()) for each in rollout["batches"]] == BATCHES
    for verb in ("pause", "cancel"):
        steered = await owner.call("POST", f"/rollouts/{large}/{verb}")
        assert (steered.status_code, len(steered.content) < 2_500) == (200, True), verb


async def test_a_page_of_large_rollouts_is_one_statement_and_small(world, large) -> None:
    await again(world, large, 9)
    async with world.scoped() as txn:
        counting = Counting(txn)
        listed = await world.house.delivery.rollouts(counting, world.environment_id, limit=100)
    assert (len(listed), len(counting.read)) == (10, 1)
    assert {sum(msgspec.to_builtins(each.counts).values()) for each in listed} == {MANY}
    assert len(msgspec.json.encode(listed)) < 10 * 2_000


async def again(world, rollout_id: UUID, many: int) -> None:
    """Write down that the same rollout was done so many times more."""
    async with world.scoped() as txn:
        for table, key in (("rollouts", "id"), ("rollout_nodes", "rollout_id")):
            changed = ", 'state', 'done'" if table == "rollouts" else ""
            await txn.execute(
                f"""insert into {table} select (jsonb_populate_record(t,
                    jsonb_build_object('{key}', md5('again' || i)::uuid {changed}))).*
                from {table} t, generate_series(1, %(many)s) as i
                where organization_id = %(organization_id)s and {key} = %(id)s""",
                {"id": rollout_id, "many": many},
            )


async def test_the_list_looks_at_no_node_and_a_page_of_nodes_at_its_own(world, large) -> None:
    await again(world, large, 9)
    async with world.scoped() as txn:
        counting = Counting(txn)
        page = {"pipeline_id": None, "after": None, "limit": PAGE}
        await store.rollout_list(counting, world.environment_id, **page)
        states = ["applied", "waiting", "refused"]
        after = (4, 400, UUID(int=0))
        await store.rollout_node_page(counting, large, states, batch=None, after=after, limit=PAGE)
        rollouts, nodes = counting.read
        plan = await explained(txn, rollouts, {"environment_id": world.environment_id, **page})
        assert "rollout_nodes" not in plan
        await txn.connection.execute("set local enable_seqscan = off")
        parameters = {"rollout_id": large, "states": states, "first": 1, "last": 99, "limit": PAGE}
        parameters |= {"after_batch": after[0], "after_place": after[1], "after_id": after[2]}
        plan = await explained(txn, nodes, parameters)
    scans = [line for line in plan.splitlines() if "rollout_nodes" in line]
    assert len(scans) == 1, plan
    assert "rollout_nodes_state" in scans[0], plan
    # Each of the three states was asked once, and none of them gave more than the page.
    assert "loops=3" in scans[0], plan
    assert float(scans[0].partition("rows=")[2].split()[0]) <= PAGE, plan


async def test_counts_are_those_of_the_nodes_whoever_changed_them(world, large) -> None:
    await again(world, large, 1)
    await turn(world, large, "kept", "waiting", 700)
    async with world.scoped() as txn:
        shown = await world.house.delivery.rollouts(txn, world.environment_id)
        for rollout in shown:
            nodes = await store.rollout_node_list(txn, rollout.id)
            told = msgspec.to_builtins(rollout.counts)
            assert {state: n for state, n in told.items() if n} == Counter(each.state for each in nodes)
            assert [sum(msgspec.to_builtins(each.counts).values()) for each in rollout.batches] == BATCHES
    assert sorted(each.counts.kept for each in shown) == [0, 700]


async def test_pages_hold_every_node_once_while_states_change(world, large, sign_in) -> None:
    owner = await sign_in("owner")
    seen: list[dict] = []
    cursor = ""
    while cursor is not None:
        answer = (await owner.call("GET", f"/rollouts/{large}/nodes?limit=200{cursor}")).json()
        seen += answer["items"]
        cursor = answer["next_cursor"] and f"&cursor={answer['next_cursor']}"
        await turn(world, large, "assigned", "waiting", 100)
        await turn(world, large, "applied", "assigned", 50)
    assert len({each["id"] for each in seen}) == len(seen) == MANY
    assert [each["name"] for each in seen] == [f"large-{number:05}" for number in range(1, MANY + 1)]
    assert [each["batch"] for each in seen] == [
        batch for batch, size in enumerate(BATCHES, 1) for _ in range(size)
    ]


async def test_troubles_come_by_filter_and_batches_apart(world, large, sign_in) -> None:
    owner = await sign_in("owner")
    place = f"/rollouts/{large}/nodes"
    first = (await owner.call("GET", place + "?state=refused&state=crashed&state=silent&limit=3")).json()
    cursor = first["next_cursor"]
    rest = (
        await owner.call("GET", f"{place}?state=refused&state=crashed&state=silent&cursor={cursor}")
    ).json()
    found = first["items"] + rest["items"]
    assert sorted(each["state"] for each in found) == ["refused"] * 3 + ["silent"] * 2
    assert [(each["batch"], each["name"]) for each in found] == sorted(
        (each["batch"], each["name"]) for each in found
    )
    assert rest["next_cursor"] is None
    batch = (await owner.call("GET", place + "?batch=2&limit=200")).json()
    assert ([each["batch"] for each in batch["items"]], batch["next_cursor"]) == ([2] * BATCHES[1], None)
    # A cursor of another filter goes on from there, within this one.
    strange = encode_cursor(1, 5, str(UUID(int=0)))
    assert len((await owner.call("GET", f"{place}?batch=2&limit=200&cursor={strange}")).json()["items"]) == 60
    assert (await owner.call("GET", f"{place}?cursor=nonsense")).status_code == 400
    assert (await owner.call("GET", place + "?batch=0")).status_code == 400


async def test_another_environments_rollout_is_not_found(world, large, sign_in) -> None:
    async with world.scoped() as txn:
        await txn.execute(
            """insert into environments (organization_id, id, team_id, slug, name, position)
            select organization_id, gen_random_uuid(), team_id, 'other', 'Other', 9 from environments
            where organization_id = %(organization_id)s"""
        )
    owner = await sign_in("owner")
    for path in (f"/rollouts/{large}", f"/rollouts/{large}/nodes"):
        assert (await owner.call("GET", path)).status_code == 200
        refused = await owner.call("GET", "/../other" + path)
        assert refused.json()["type"] == "urn:vectorflow:problem:delivery.rollout-not-found"
