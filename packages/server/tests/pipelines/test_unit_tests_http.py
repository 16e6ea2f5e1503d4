"""Unit tests of a draft over the API: run by the engine, away from everything, and stopped in time."""

import asyncio

import pytest

from vectorflow.kernel.ids import new_id
from vectorflow.pipelines import unit_tests
from vectorflow.pipelines.errors import TestsBusy
from vectorflow.pipelines.unit_tests import UnitTestService
from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets

CONFIG = {
    "transforms": {"t": {"type": "remap", "inputs": ["in"], "source": ".x = 1"}},
    "tests": [
        {"name": "n", "inputs": [{"insert_at": "t", "value": "a"}], "outputs": [{"extract_from": "t"}]}
    ],
}
FOREVER = "t = string!(.message)\n" + "t = t + t\n" * 18 + ".message = sha3(t) + sha2(t)"


def with_tests(document, *conditions):
    document["tests"] = [
        {
            "name": "parses",
            "inputs": [{"insert_at": "parse", "type": "log", "log_fields": {"message": '{"a": 1}'}}],
            "outputs": [{"extract_from": "parse", "conditions": [{"type": "vrl", "source": each}]}],
        }
        for each in conditions
    ]
    return document


async def test_each_test_says_how_it_went(client, world, document) -> None:
    document["components"][1]["options"] = {"source": ". = parse_json!(.message)"}
    body = {"document": with_tests(document, ".a == 1", ".a == 2")}
    body["document"]["components"][2]["options"] = {}  # an unfinished sink is no matter
    answer = await client.post(f"{world.path}/unit-tests/run", body)
    assert answer.status_code == 200, answer.text
    good, bad = answer.json()["items"]
    assert (good["outcome"], good["failures"]) == ("passed", [])
    assert good["extracted"] == [{"source": "parse", "count": 1, "events": [{"a": 1}]}]
    assert bad["outcome"] == "failed"
    assert bad["failures"] == [{"message": "the condition is false", "output": 0, "condition": 0}]


async def test_the_host_cannot_be_read(client, world, document) -> None:
    document["components"][1]["options"] = {"source": '.a = get_env_var!("PATH")'}
    answer = await client.post(f"{world.path}/unit-tests/run", {"document": with_tests(document, "true")})
    (result,) = answer.json()["items"]
    assert result["outcome"] == "error"
    assert "reads the host" in result["failures"][0]["message"]


async def test_a_viewer_runs_nothing(viewer, world, document) -> None:
    assert (await viewer.post(f"{world.path}/unit-tests/run", {"document": document})).status_code == 403


async def test_what_does_not_end_is_stopped() -> None:
    transforms = {"t": {"type": "remap", "inputs": ["in"], "source": FOREVER}}
    config = {"transforms": transforms, "tests": CONFIG["tests"] * 400}
    ran = await UnitTestService(seconds=0.5).run(new_id(), config)
    assert ran.results == []
    assert "longer than 0.5 s" in str(ran.stopped)


async def test_too_many_are_turned_away(monkeypatch) -> None:
    service = UnitTestService(limits=TokenBuckets(burst=2, per_second=0.001))
    organization = new_id()
    await service.run(organization, CONFIG)
    await service.run(organization, CONFIG)
    with pytest.raises(RateLimitedError):
        await service.run(organization, CONFIG)
    monkeypatch.setattr(unit_tests, "MOST_WAITING", 1)
    busy = UnitTestService()
    first = asyncio.create_task(busy.run(new_id(), CONFIG))
    await asyncio.sleep(0)
    with pytest.raises(TestsBusy):
        await busy.run(new_id(), CONFIG)
    assert (await first).results[0].outcome == "passed"
