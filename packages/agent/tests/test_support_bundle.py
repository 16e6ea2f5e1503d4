"""The support bundle holds what helps and no secret: canaries stand in every place that can hold one."""

import asyncio
import base64
import json
import os
import tarfile

from vectorflow_agent.core.redaction import BLOT
from vectorflow_agent.doctor import bundle
from vectorflow_agent.doctor.command import diagnose
from vectorflow_agent.settings import Settings

CANARY = "c4n4ry-Wert\"mit'allem\\drin"
MORE = ("envcanary123", "logcanary234", "urlcanary345", "keyvaluecanary456", "headercanary567")


def contents(path):
    with tarfile.open(path) as archive:
        return {each.name: archive.extractfile(each).read() for each in archive.getmembers()}


async def test_no_canary_is_in_the_bundle(agent, gateway, eventually, tmp_path):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish(
        [
            gateway.pipeline(
                secrets={"pass": CANARY},
                password="SECRET[vectorflow.pass]",
                say=f"login with {CANARY.splitlines()[0]} password=keyvaluecanary456 http://u:urlcanary345@h/",
                token="logcanary234",
                headers={"X-Api": "headercanary567"},
            )
        ]
    )
    await eventually(lambda: gateway.told("applied"))
    target = tmp_path / "support.tar.gz"
    done = await agent.called(
        "doctor",
        "--bundle",
        str(target),
        VECTORFLOW_URL=f"http://127.0.0.1:{agent._served.port}",
        VECTORFLOW_ENROLMENT_TOKEN=gateway.enrolment.text,
        VECTORFLOW_AGENT_RUNTIME_DIR=str(agent.runtime),
        AWS_SECRET_ACCESS_KEY="envcanary123",
    )
    assert done.returncode == 0, done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    inside = contents(target)
    everything = b"\n".join([*(name.encode() for name in inside), *inside.values()])
    keys = [(agent.state / name).read_text().strip() for name in ("identity.key", "sealing.key")]
    secrets = [CANARY, *MORE, gateway.enrolment.text, gateway.node_token.text, *keys]
    for secret in secrets:
        for form in (secret, json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode()):
            assert form.encode() not in everything, secret[:6]
    # It is not empty for that: the places are there, with the rest of what stood in them.
    log = inside["vectorflow-agent/logs/engine-p1-1.log"].decode()
    assert f"login with {BLOT}" in log
    assert "vectorflow-agent/configuration/p1-1-pipeline.yaml" in inside
    assert b"SECRET[vectorflow.pass]" in inside["vectorflow-agent/configuration/p1-1-pipeline.yaml"]
    assert "an event with personal data" not in everything.decode()
    assert json.loads(inside["vectorflow-agent/doctor.json"])["version"]
    assert any(each["ppid"] for each in json.loads(inside["vectorflow-agent/processes.json"]))


async def test_names_are_the_same_each_time_and_size_has_a_bound(
    agent, gateway, eventually, tmp_path, monkeypatch
):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told("applied"))
    given = Settings(
        url="http://127.0.0.1:9",
        state_dir=str(agent.state),
        key_protection="off",
        vector_bin=str(agent.program),
    )
    diagnosis = await asyncio.to_thread(diagnose, given)
    log = agent.state / "pipelines/p1/engines/1/engine.log"
    with log.open("ab") as file:
        file.write(os.urandom(3_000_000))
    names = []
    for target in (tmp_path / "one.tar.gz", tmp_path / "two.tar.gz"):
        bundle.bundle_write(target, given, diagnosis)
        names.append(list(contents(target)))
    assert names[0] == names[1]
    monkeypatch.setattr(bundle, "MOST_BYTES", 20_000)
    bundle.bundle_write(tmp_path / "small.tar.gz", given, diagnosis)
    inside = contents(tmp_path / "small.tar.gz")
    assert sum(map(len, inside.values())) < 21_000
    assert b"logs/engine-p1-1.log" in inside["vectorflow-agent/LEFT-OUT.txt"]


async def test_a_place_that_cannot_be_written_is_told(agent):
    done = await agent.called("doctor", "--bundle", "/proc/no/such.tar.gz")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
