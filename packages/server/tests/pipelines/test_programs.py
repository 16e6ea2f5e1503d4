"""Writing VRL over the API: the reference, compiling and trying programs in workers that can be killed."""

import httpx2
import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.programs import MOST_EVENTS, ProgramService
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets


async def run(client, world, program, *events) -> httpx2.Response:
    return await client.post(f"{world.path}/vrl/run", {"program": program, "events": list(events)})


async def test_a_program_that_does_not_compile_says_where(client, world) -> None:
    body = {"program": ".a = 1\n.b = upcase(.c)\n"}
    found = (await client.post(f"{world.path}/vrl/check", body)).json()["diagnostics"]
    assert [(each["severity"], each["line"]) for each in found] == [("error", 2)]
    good = (await client.post(f"{world.path}/vrl/check", {"program": '.b = upcase("c")'})).json()
    assert good == {"diagnostics": []}


async def test_a_condition_may_not_write(client, world) -> None:
    body = {"program": ".a = 1", "kind": "condition"}
    assert (await client.post(f"{world.path}/vrl/check", body)).json()["diagnostics"]


async def test_each_event_shows_what_became_of_it(client, world) -> None:
    program = 'if .drop == true { abort }\n.at = parse_timestamp!(.at, "%+")\n.n = to_int!(.n) + 1\n'
    at = "2026-01-02T03:04:05Z"
    answer = await run(client, world, program, {"n": "1", "at": at}, {"n": "x", "at": at}, {"drop": True})
    assert answer.status_code == 200, answer.text
    results = answer.json()["results"]
    assert [each["outcome"] for each in results] == ["ok", "error", "abort"]
    assert results[0]["events"] == [{"n": 2, "at": "2026-01-02T03:04:05Z"}]
    assert "to_int" in results[1]["message"]


async def test_one_event_may_become_several(client, world) -> None:
    results = (await run(client, world, '. = [{ "a": 1 }, { "a": 2 }]', {})).json()["results"]
    assert results[0]["events"] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    "program", ['.x = get_env_var!("PATH")', ".x = get_hostname!()", '.x = dns_lookup!("a.b")']
)
async def test_the_host_cannot_be_read(client, world, program) -> None:
    answer = (await run(client, world, program, {})).json()
    assert answer["results"] == []
    assert "not available here" in answer["diagnostics"][0]["message"]


async def test_a_program_that_does_not_end_is_stopped_and_the_next_one_runs(client, world) -> None:
    endless = 'x = "a"\n' + "x = x + x\n" * 60 + ".x = x\n"
    answer = (await run(client, world, endless, {})).json()
    assert answer["results"] == []
    assert answer["diagnostics"]
    assert (await run(client, world, ".a = 1", {})).json()["results"][0]["events"] == [{"a": 1}]


async def test_too_much_is_refused(client, world) -> None:
    many = await run(client, world, ".a = 1", *[{}] * (MOST_EVENTS + 1))
    assert (many.status_code, many.json()["type"].rpartition(":")[2]) == (422, "pipelines.program-invalid")
    large = await client.post(f"{world.path}/vrl/run", {"program": "x" * 1_200_000, "events": []})
    assert large.status_code == 413


async def test_viewers_neither_compile_nor_run(viewer, world) -> None:
    for route, body in (("check", {"program": ""}), ("run", {"program": "", "events": []})):
        assert (await viewer.post(f"{world.path}/vrl/{route}", body)).status_code == 403


async def test_the_reference_has_signatures_and_is_cached(client, viewer) -> None:
    answer = await viewer.get("/api/v1/vrl/functions")
    found = {each["name"]: each for each in answer.json()["items"]}
    assert found["parse_json"]["signature"].startswith("parse_json(value: ")
    assert found["parse_json"]["fallible"]
    again = await client.get("/api/v1/vrl/functions", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_one_organisation_cannot_take_all_the_workers_time() -> None:
    service = ProgramService(limits=TokenBuckets(burst=2, per_second=0.001))
    busy, other = new_id(), new_id()
    try:
        for _ in range(2):
            assert await service.compile(busy, ".a = 1", "program") == []
        with pytest.raises(RateLimitedError):
            await service.compile(busy, ".a = 1", "program")
        assert await service.compile(other, ".a = 1", "program") == []
    finally:
        await service.close()
