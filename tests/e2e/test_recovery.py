"""What goes wrong on a real machine: each fault gives a clear word, and things come back by themselves."""

import os
import signal
import socket
import subprocess
import uuid
from pathlib import Path

import pytest

from tests.e2e.pipelines import component, create, deploy, document, lines_to_http, rolled
from tests.e2e.receiver import Receiver
from tests.e2e.stack import PROGRAMS, Api, Stack, free_port, wait_until

pytestmark = pytest.mark.timeout(300)


def _lines(path: Path, *names: str) -> None:
    with path.open("a") as file:
        file.writelines(f'{{"id":"{name}"}}\n' for name in names)


def _up(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(PROGRAMS / "vectorflow"), "up"],
        env={"PATH": os.environ["PATH"], "VECTORFLOW_STATE_DIR": str(directory), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = _up(tmp_path / "var", VECTORFLOW_PORT=str(port), VECTORFLOW_GATEWAY_PORT=str(free_port()))
    assert result.returncode != 0
    assert f"Port {port} is in use" in result.stdout + result.stderr
    assert "VECTORFLOW_PORT=" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_a_second_start_on_the_same_data_is_refused(stack: Stack) -> None:
    result = _up(stack.state, VECTORFLOW_PORT=str(free_port()), VECTORFLOW_GATEWAY_PORT=str(free_port()))
    assert result.returncode != 0
    assert "already running" in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_postgresql_comes_back_and_nothing_committed_is_lost(stack: Stack, api: Api) -> None:
    name = f"Kept {uuid.uuid4()}"
    pipeline = create(api, name, document([component("made", "source", "demo_logs", format="json")], []))
    victims = stack.processes("bin/postgres", str(stack.state))
    assert victims
    for victim in victims:
        victim.kill()
    answer = wait_until(
        lambda: api.raw("GET", f"{api.base}/pipelines/{pipeline}").json() if _ready(api) else None,
        seconds=60,
        what="the pipeline is readable again",
    )
    assert answer["name"] == name


def _ready(api: Api) -> bool:
    return api.raw("GET", f"{api.base}/pipelines").status_code == 200


def test_an_unexpected_exit_0_of_an_engine_is_a_crash(
    stack: Stack, api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    source = tmp_path / "lines.log"
    _lines(source, "one")
    pipeline = create(api, f"Exit {uuid.uuid4()}", lines_to_http(source, receiver.url))
    deploy(api, pipeline)
    wait_until(lambda: receiver.ids()["one"], seconds=60, what="the first line")
    (engine,) = stack.processes("vectorflow-engine", pipeline)
    engine.send_signal(signal.SIGTERM)  # it drains and exits with 0, and nobody asked the agent for that
    engine.wait(timeout=60)
    _lines(source, "two")
    wait_until(lambda: receiver.ids()["two"], seconds=60, what="a line after the engine came back")
    node = api.get(f"{api.base}/nodes")["items"][0]

    def crashed() -> bool:
        reports = api.get(f"{api.base}/nodes/{node['id']}")["reports"]
        return any(each["kind"] == "crashed" and each["pipeline_id"] == pipeline for each in reports)

    wait_until(crashed, seconds=60, what="the crash is reported")


def test_a_refused_configuration_leaves_the_old_one_running(
    stack: Stack, api: Api, receiver: Receiver, tmp_path: Path
) -> None:
    source = tmp_path / "lines.log"
    _lines(source, "one")
    content = lines_to_http(source, receiver.url)
    pipeline = create(api, f"Refused {uuid.uuid4()}", content)
    deploy(api, pipeline)
    wait_until(lambda: receiver.ids()["one"], seconds=60, what="the first line")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        content["components"].append(component("web", "source", "http_server", address=address))
        content["components"].append(component("hole", "sink", "blackhole"))
        content["edges"].append({"source": "web", "port": "_default", "target": "hole"})
        current = api.raw("GET", f"{api.base}/pipelines/{pipeline}")
        api.call(
            "PUT",
            f"{api.base}/pipelines/{pipeline}",
            headers={"If-Match": current.headers["etag"]},
            json={"name": current.json()["name"], "description": "", "document": content},
        )
        rollout = deploy(api, pipeline, expect="halted")
    node = rolled(api, rollout)[0]
    assert node["state"] in ("refused", "crashed"), node
    assert address.rpartition(":")[2] in str(node["report"]), node
    _lines(source, "two")
    wait_until(lambda: receiver.ids()["two"], seconds=60, what="the old revision goes on")


def test_a_full_disk_loses_nothing(stack: Stack, api: Api, tmp_path: Path) -> None:
    source, target = tmp_path / "lines.log", tmp_path / "out.jsonl"
    target.symlink_to("/dev/full")
    _lines(source, "one", "two")
    content = document(
        [
            component("lines", "source", "file", include=[str(source)], read_from="beginning"),
            component(
                "out",
                "sink",
                "file",
                path=str(target),
                encoding={"codec": "text"},
                acknowledgements={"enabled": True},
            ),
        ],
        [("lines", "_default", "out")],
    )
    pipeline = create(api, f"Full {uuid.uuid4()}", content)
    deploy(api, pipeline)

    def errors() -> bool:
        rates = api.get(f"{api.base}/pipelines/{pipeline}/rates")
        return rates["components"].get("out", {}).get("errors_total", 0) > 0

    wait_until(errors, seconds=60, what="the full disk shows as errors")
    target.unlink()
    wait_until(
        lambda: target.exists() and set(target.read_text().split()) >= {'{"id":"one"}', '{"id":"two"}'},
        seconds=60,
        what="the lines are written once there is room",
    )


def test_bad_input_gets_a_clear_answer(stack: Stack, api: Api) -> None:
    wrong = api.raw("POST", "/session", json={"email": stack.demo["email"], "password": "wrong"})
    assert wrong.status_code == 401
    assert wrong.headers["content-type"].startswith("application/problem+json")

    bad_vrl = document(
        [
            component("in", "source", "demo_logs", format="json"),
            component("parse", "transform", "remap", source=".x = parse_json(.message"),
            component("out", "sink", "blackhole"),
        ],
        [("in", "_default", "parse"), ("parse", "_default", "out")],
    )
    findings = api.post(f"{api.base}/check", {"document": bad_vrl})["findings"]
    (found,) = [each for each in findings if each["severity"] == "error"]
    assert found["component"] == "parse"
    assert found["line"]
    pipeline = create(api, f"Bad {uuid.uuid4()}", bad_vrl)
    refused = api.raw(
        "POST",
        f"{api.base}/pipelines/{pipeline}/rollouts",
        json={"revision": None, "message": "", "batch_size": None},
    )
    assert refused.status_code == 422, refused.text
    assert refused.json()["errors"]

    current = api.raw("GET", f"{api.base}/pipelines/{pipeline}")
    body = {"name": "Changed", "description": "", "document": bad_vrl}
    missing = api.raw("PUT", f"{api.base}/pipelines/{pipeline}", json=body)
    assert missing.status_code == 428
    fresh = api.raw(
        "PUT", f"{api.base}/pipelines/{pipeline}", json=body, headers={"If-Match": current.headers["etag"]}
    )
    assert fresh.status_code == 200
    stale = api.raw(
        "PUT", f"{api.base}/pipelines/{pipeline}", json=body, headers={"If-Match": current.headers["etag"]}
    )
    assert stale.status_code == 412

    other = api.raw("GET", f"/orgs/{stack.demo['other']['organization']}")
    nothing = api.raw("GET", "/orgs/no-such-organisation")
    assert other.status_code == nothing.status_code == 404
    assert other.json()["type"] == nothing.json()["type"]
    assert other.json()["detail"] == nothing.json()["detail"]
