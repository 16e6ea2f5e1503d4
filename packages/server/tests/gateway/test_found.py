"""Vectors that nodes find beside the agent: told, kept without controls, shown to the node's own people, imported."""
# fleet/found.py, fleet/store/found.py, fleet/http/found.py

import msgspec

from vectorflow.fleet.found import moment_of
from vectorflow_wire.found import MOST_VECTORS, FoundFile, FoundRemark, FoundVector, FoundVectors

ONE = FoundVector(
    id="vector.service",
    unit=True,
    pid=7,
    user="vector",
    version="0.54.0",
    interpolates=True,
    files=(
        FoundFile(
            path="/etc/vector/vector.yaml",
            text="sources:\n  in: {type: demo_logs, format: shuffle, lines: [a]}\n"
            "sinks:\n  out: {type: elasticsearch, inputs: [in], endpoints: ['https://e'], "
            "auth: {strategy: basic, user: me, password: '${OUT_PASSWORD}'}}\n",
        ),
    ),
    remarks=(FoundRemark(id="adopt.root", message="it runs as \x1b[31mroot"),),
)


async def tell(agent, *vectors):
    body = msgspec.json.encode(FoundVectors(at=1_700_000_000_000, vectors=vectors))
    return await agent.call("PUT", "/agent/v1/found", content=body)


async def test_what_a_node_tells_is_shown_and_imported(world, sign_in):
    (agent,) = await world.agents(1)
    browser = await sign_in("owner")
    address = f"/nodes/{agent.node_id}/found"
    assert (await browser.call("GET", address)).json() == {"at": None, "vectors": []}
    assert (await tell(agent, ONE)).status_code == 200
    shown = (await browser.call("GET", address)).json()
    assert shown["at"] == "2023-11-14T22:13:20.000Z"
    assert shown["vectors"][0]["user"] == "vector"
    assert "\x1b" not in shown["vectors"][0]["remarks"][0]["message"]
    files = {each["path"]: each["text"] for each in shown["vectors"][0]["files"]}
    assert files["/etc/vector/vector.yaml"] == ONE.files[0].text.rstrip("\n")
    imported = await browser.call("POST", "/import", json={"files": files, "interpolates": True})
    assert imported.status_code == 200, imported.text
    found = imported.json()
    sink = found["documents"][0]["document"]["components"][1]
    assert sink["options"]["auth"]["password"] == "SECRET[OUT_PASSWORD]"
    assert "import.secret" in {each["rule"] for each in found["findings"]}
    log = (await browser.http.get(f"/api/v1/orgs/{world.slug}/audit")).json()["items"]
    assert any(each["summary"] == "Told of 1 Vectors that run beside the agent" for each in log)
    # The newest word counts, and there is one.
    assert (await tell(agent)).status_code == 200
    assert (await browser.call("GET", address)).json()["vectors"] == []


async def test_what_is_too_much_or_nonsense_is_refused(world):
    (agent,) = await world.agents(1)
    many = [msgspec.structs.replace(ONE, id=f"pid-{number}") for number in range(MOST_VECTORS + 1)]
    assert (await tell(agent, *many)).status_code == 400
    big = msgspec.structs.replace(ONE, files=(FoundFile(path="/a", text="x" * 3_000_000),))
    assert (await tell(agent, big)).status_code == 413
    assert (await agent.call("PUT", "/agent/v1/found", content=b'{"vectors": 3}')).status_code == 400
    answers = [(await tell(agent, ONE)).status_code for _ in range(8)]
    assert answers[-1] == 429


def test_a_time_that_no_clock_says_is_brought_near():
    assert moment_of(-5) == "1970-01-01T00:00:00.000Z"
    assert moment_of(2**63).startswith("9999-12-31")
