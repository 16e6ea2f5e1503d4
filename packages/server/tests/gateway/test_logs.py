"""Log lines: taken once, answered after commit, listed, followed, live, within a quota, and forgotten."""
# telemetry/logs/intake.py, telemetry/logs/store.py, telemetry/logs/service.py, telemetry/logs/http.py,
# platform/shared_commits.py, telemetry/jobs.py

import asyncio
import gzip
import shutil
import time
from random import Random

import msgspec
import psycopg
import pytest

from vectorflow.kernel.actor import SYSTEM
from vectorflow.telemetry.jobs import keep_partitions
from vectorflow.telemetry.logs.intake import LogIntake
from vectorflow.telemetry.logs.types import MarkRow
from vectorflow.tenancy.types import OrganizationRole, TeamRole
from vectorflow_agent.shell.logspool import LogSpool
from vectorflow_wire import logs

PASSWORD = "correct horse battery staple"


def now_ms():
    return time.time_ns() // 1_000_000


class Teller:
    """A node's spool."""

    def __init__(self, agent, spool="s1"):
        self.agent, self.spool, self.batch, self.sequence = agent, spool, 0, 0

    def line(self, text="hm", **options):
        self.sequence += 1
        fields = {"sequence": self.sequence, "at": now_ms(), "level": "warn", "text": text} | options
        return logs.LogLine(**fields)

    async def send(self, *lines, batch=None):
        if batch is None:
            self.batch += 1
        sent = logs.LogBatch(spool=self.spool, batch=batch or self.batch, lines=lines)
        headers = {"content-encoding": "gzip"}
        return await self.agent.call(
            "POST", logs.LOGS_PATH, content=gzip.compress(msgspec.json.encode(sent)), headers=headers
        )


@pytest.fixture
async def teller(world):
    return Teller((await world.agents(1))[0])


async def listed(browser, query="", *, status=200):
    answer = await browser.call("GET", f"/logs?{query}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_batch_is_stored_once_however_often_it_comes(teller, sign_in) -> None:
    lines = [teller.line(f"line {number}") for number in range(3)]
    answers = [await teller.send(*lines, batch=1) for _ in range(3)]
    together = await asyncio.gather(*(teller.send(teller.line("four"), batch=2) for _ in range(3)))
    assert [each.json() for each in [*answers, *together]] == [{"accepted": 1}] * 3 + [{"accepted": 2}] * 3
    found = await listed(await sign_in("owner"))
    assert [each["text"] for each in found["items"]] == ["four", "line 2", "line 1", "line 0"]
    assert found["items"][0]["node"]["name"] == "node-0"
    assert found["items"][0]["pipeline"] is None


async def test_two_machines_with_one_disk_lose_no_line_and_none_is_stored_twice(
    teller, world, sign_in, tmp_path
) -> None:
    first = LogSpool(tmp_path / "first")
    first.load()
    first.add([teller.line("both have it")], {}, now_ms())
    shutil.copytree(tmp_path / "first", tmp_path / "copy")
    random, told = Random(4), {"both have it"}
    for round_ in range(12):
        for machine in random.sample(["first", "copy"], 2):
            spool = LogSpool(tmp_path / machine)
            spool.load()  # each time as after a restart
            for number in range(random.randint(1, 3)):
                text = f"{machine} {round_} {number}"
                spool.add([teller.line(text)], {}, now_ms())
                told.add(text)
            for _ in range(random.randint(0, 4)):
                if (found := spool.oldest()) is None:
                    break
                number, zipped = found
                answer = await teller.agent.call(
                    "POST", logs.LOGS_PATH, content=zipped, headers={"content-encoding": "gzip"}
                )
                assert answer.json() == {"accepted": number}
                if random.random() < 0.6:  # else the answer was lost
                    spool.done(number)
    for machine in ("first", "copy"):
        spool = LogSpool(tmp_path / machine)
        spool.load()
        while (found := spool.oldest()) is not None:
            await teller.agent.call(
                "POST", logs.LOGS_PATH, content=found[1], headers={"content-encoding": "gzip"}
            )
            spool.done(found[0])
    found = await listed(await sign_in("owner"), "limit=200")
    texts = [each["text"] for each in found["items"]]
    assert len(texts) == len(told) > 40
    assert set(texts) == told


async def test_spools_that_were_left_long_ago_are_forgotten(world) -> None:
    agent = (await world.agents(1))[0]
    for name in ("a", "b"):
        teller = Teller(agent, name)
        await teller.send(teller.line())
    async with world.scoped() as txn:
        assert await txn.value("select array_agg(spool) from log_spools") == ["a"]
        await txn.execute(
            "update log_spools set left_at = now() - interval '3 days' where organization_id = %(organization_id)s"
        )
    again = Teller(agent, "c")
    await again.send(again.line())
    async with world.scoped() as txn:
        assert await txn.value("select array_agg(spool) from log_spools") == ["b"]


async def test_a_gateway_of_the_version_before_and_this_one_store_in_turns(world, sign_in) -> None:
    agent = (await world.agents(1))[0]
    one, two = Teller(agent, "one"), Teller(agent, "two")
    await one.send(one.line("1"))
    async with world.scoped() as txn:  # what that version said, word for word
        nodes = {"nodes": [agent.node_id]}
        await txn.execute(
            """insert into log_marks (organization_id, node_id, spool, batch)
            select %(organization_id)s, node_id, '', 0 from unnest(%(nodes)s::uuid[]) as node_id
            on conflict do nothing""",
            nodes,
        )
        rows = """select node_id, spool, batch from log_marks
            where organization_id = %(organization_id)s and node_id = any(%(nodes)s)
            order by node_id for update"""
        assert await txn.rows(MarkRow, rows, nodes) == [MarkRow(agent.node_id, "one", 1)]
        await txn.execute(
            """update log_marks m set spool = u.spool, batch = u.batch
            from unnest(%(nodes)s::uuid[], %(spools)s::text[], %(batches)s::bigint[])
                as u (node_id, spool, batch)
            where m.organization_id = %(organization_id)s and m.node_id = u.node_id""",
            nodes | {"spools": ["one"], "batches": [2]},
        )
    await one.send(one.line("stored there"), batch=2)
    await two.send(two.line("2"), batch=1)
    found = await listed(await sign_in("owner"))
    assert [each["text"] for each in found["items"]] == ["2", "1"]


async def test_lines_are_found_by_what_they_are_about(teller, world, sign_in) -> None:
    pipeline = await world.pipeline()
    other = Teller((await world.agents(1))[0])
    await teller.send(
        teller.line("Disk is FULL", pipeline=str(pipeline), component="out", level="error"),
        teller.line("slow", pipeline=str(pipeline), component="in"),
        teller.line("own word", level="info", at=now_ms() - 3_600_000),
        teller.line("12 lines were not sent", dropped=12),
    )
    await other.send(other.line("elsewhere"))
    owner = await sign_in("owner")
    for query, texts in {
        f"pipeline={pipeline}": {"Disk is FULL", "slow"},
        f"pipeline={pipeline}&component=out": {"Disk is FULL"},
        "level=error": {"Disk is FULL"},
        "level=warn&q=full": {"Disk is FULL"},
        "q=%25": set(),
        f"node={other.agent.node_id}": {"elsewhere"},
        f"until={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 600))}": {"own word"},
        f"since={time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() - 600))}&q=o": {
            "slow", "12 lines were not sent",
        },
    }.items():  # fmt: skip
        found = await listed(owner, query)
        assert {each["text"] for each in found["items"]} == texts, query
    gap = next(each for each in (await listed(owner))["items"] if each["dropped"])
    assert gap["dropped"] == 12
    shown = (await listed(owner, f"pipeline={pipeline}"))["items"][0]["pipeline"]
    assert shown["id"] == str(pipeline)
    assert shown["name"].startswith("p")


async def test_pages_go_on_and_following_sees_each_line_once(teller, sign_in) -> None:
    owner = await sign_in("owner")
    begin = (await listed(owner))["follow"]
    await teller.send(*[teller.line(f"n{number}", at=now_ms() - number) for number in range(7)])
    seen, cursor = [], None
    while True:
        found = await listed(owner, "limit=3" + (f"&cursor={cursor}" if cursor else ""))
        seen += [each["text"] for each in found["items"]]
        cursor = found["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"n{number}" for number in range(7)]
    await teller.send(teller.line("late", at=now_ms() - 7_200_000))
    followed, after = [], begin
    async with asyncio.timeout(30):
        while len(followed) < 8:
            found = await listed(owner, f"limit=2&after={after}")
            after = found["follow"]
            followed += [each["text"] for each in found["items"]]
            await asyncio.sleep(0.05)
    assert followed == [*seen, "late"]
    await listed(owner, "cursor=nonsense", status=400)


async def test_who_may_not_read_lines_sees_none_and_another_organisation_has_none(
    teller, new_world, world, sign_in
) -> None:
    await teller.send(teller.line("ours"))
    stranger = await sign_in("owner", of=await new_world())
    assert (await stranger.call("GET", "/logs")).status_code == 404
    assert len((await listed(await sign_in("editor")))["items"]) == 1
    services = world.house.services
    account = await services.identity.account_ensure(f"viewer@{world.slug}.test", "Viewer", PASSWORD)
    await services.tenancy.member_put(
        world.organization_id, account, OrganizationRole.MEMBER, SYSTEM, teams={"core": TeamRole.VIEWER}
    )
    viewer = await sign_in("viewer")
    assert (await viewer.call("GET", "/logs")).status_code == 403
    events = f"/api/v1/orgs/{world.slug}/events"
    answer = await viewer.http.get(events, params={"topics": f"logs:{world.environment_id}"})
    assert answer.status_code == 404


async def test_browsers_hear_that_there_are_new_lines(teller, world, sign_in) -> None:
    owner = await sign_in("owner")
    topics = f"logs:{world.environment_id}"
    async with owner.http.stream(
        "GET", f"/api/v1/orgs/{world.slug}/events", params={"topics": topics}
    ) as stream:
        assert stream.status_code == 200
        await teller.send(teller.line("new"))
        async with asyncio.timeout(30):
            async for line in stream.aiter_lines():
                if line.startswith("data:"):
                    break
    assert msgspec.json.decode(line[5:].encode())["topic"] == topics


async def test_what_is_not_a_batch_is_refused(teller) -> None:
    headers = {"content-encoding": "gzip"}
    for body, status in ((b"", 400), (gzip.compress(b"{}"), 400), (b"x" * 1_100_000, 413)):
        answer = await teller.agent.call("POST", logs.LOGS_PATH, content=body, headers=headers)
        assert answer.status_code == status
    plain = await teller.agent.call("POST", logs.LOGS_PATH, content=b"{}")
    assert plain.status_code == 400


async def test_a_quota_that_is_used_up_stores_nothing_and_says_when_to_come_again(teller, world) -> None:
    gateway = world.house.gateway
    usual, gateway.logs = gateway.logs, LogIntake(world.house.app, world.house.services.clock, quota_bytes=10)
    try:
        assert (await teller.send(teller.line("0123456789"))).status_code == 200
        refused = await teller.send(teller.line("one more"))
        assert refused.status_code == 429
        assert refused.json()["type"].endswith("telemetry.log-quota")
        assert refused.headers["retry-after"] == "300"
    finally:
        gateway.logs = usual
    assert (await teller.send(teller.line("one more"), batch=2)).status_code == 200
    async with world.scoped() as txn:
        assert await txn.value("select count(*) from logs") == 2


async def test_a_node_that_floods_batches_is_slowed_down_alone(teller, world, monkeypatch) -> None:
    # The clock stands still, so that the flood is as fast as a flood.
    intake = LogIntake(world.house.app, world.house.services.clock, quota_bytes=2**30, monotonic=lambda: 0.0)
    monkeypatch.setattr(world.house.gateway, "logs", intake)
    headers = {"content-encoding": "gzip"}
    for _ in range(300):
        answer = await teller.agent.call("POST", logs.LOGS_PATH, content=b"", headers=headers)
        if answer.status_code != 400:
            break
    assert (answer.status_code, answer.headers.get("retry-after")) == (429, "1")
    assert intake.refused_batches == 1
    other = Teller((await world.agents(1))[0])
    assert (await other.send(other.line())).status_code == 200


async def test_old_days_go_and_new_days_come(house, database_url) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as admin:
        cursor = await admin.execute("select tableowner from pg_tables where tablename = 'logs'")
        await admin.execute(f"set role {(await cursor.fetchone())[0]}")
        await admin.execute(
            "create table logs_20010101 partition of logs for values from ('2001-01-01') to ('2001-01-02')"
        )
        assert await keep_partitions(house.worker, logs_days=7) >= 1
        cursor = await admin.execute("select to_regclass('public.logs_20010101')")
        assert (await cursor.fetchone())[0] is None
        cursor = await admin.execute(
            "select count(*) from pg_inherits where inhparent = 'public.logs'::regclass"
        )
        assert (await cursor.fetchone())[0] >= 15
