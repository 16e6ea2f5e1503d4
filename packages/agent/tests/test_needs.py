"""What a revision needs before it runs, with real processes: secrets, files, the policy's leave, an engine."""

import json
from pathlib import Path

import msgspec
from packages.agent.tests.conftest import provokes
from packages.agent.tests.real_agent import files_in, opened, running

from vectorflow_wire.bundles import FileRef
from vectorflow_wire.messages import ReportKind, ReportReason


async def test_a_new_version_of_a_secret_is_handed_over(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    options = {"password": "SECRET[vectorflow.pass]", "handover": "reload"}
    gateway.publish([gateway.pipeline(secrets={"pass": "first"}, **options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    pid = agent.engines()[0]
    gateway.publish([gateway.pipeline(secrets={"pass": "second"}, version=2, **options)])
    await eventually(lambda: opened(agent, "pass", "second"))
    assert agent.engines() == [pid]


async def test_a_new_version_of_a_secret_is_found_where_secrets_lie_now(
    agent, gateway, eventually, tmp_path_factory
):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    options = {"password": "SECRET[vectorflow.pass]", "handover": "reload"}
    gateway.publish([gateway.pipeline(secrets={"pass": "first"}, **options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    pid = agent.engines()[0]
    agent.kill()
    before = agent.runtime
    agent.start(VECTORFLOW_AGENT_RUNTIME_DIR=str(tmp_path_factory.mktemp("elsewhere")))
    gateway.publish([gateway.pipeline(number=2, secrets={"pass": "second"}, version=2, **options)])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=agent.log.read_text)
    assert agent.engines() == [pid]
    configuration = agent.state / "pipelines/p1/engines/1/node.yaml"
    reads = Path(json.loads(configuration.read_bytes())["secret"]["vectorflow"]["path"])
    assert not reads.is_relative_to(before)
    assert (reads / "pass").read_text() == "second"


@provokes(ReportReason.POLICY)
async def test_the_nodes_policy_outranks_the_control_plane(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    text = {"sources": {"in": {"type": "exec", "command": ["id"]}}, "sinks": {}}
    gateway.publish([gateway.pipeline(text=text)])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == ReportReason.POLICY
    assert "'exec'" in refused[0].message
    assert agent.engines() == []


@provokes(ReportReason.FILE_MISMATCH)
async def test_a_file_with_other_content_is_refused(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    pipeline = gateway.pipeline()
    gateway.files[pipeline.revision] += b"# changed\n"
    gateway.publish([pipeline])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == ReportReason.FILE_MISMATCH
    assert agent.engines() == []


@provokes(ReportReason.FILE_UNAVAILABLE, told=False)
async def test_a_missing_file_is_waited_for(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    pipeline = gateway.pipeline()
    content = gateway.files.pop(pipeline.revision)
    gateway.publish([pipeline])
    await eventually(lambda: "cannot be fetched" in gateway.status().message)
    gateway.files[pipeline.revision] = content
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    assert not gateway.told(ReportKind.REFUSED)


@provokes(ReportReason.SECRET_UNREADABLE)
async def test_a_secret_that_was_sealed_for_something_else_is_refused(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    wish = gateway.pipeline(number=2, secrets={"pass": "canary"}, password="SECRET[vectorflow.pass]")
    moved = msgspec.structs.replace(gateway.seal("another", "canary", 1), name="pass")
    gateway.publish([msgspec.structs.replace(wish, secrets=(moved,))])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED), why=lambda: gateway.reports)
    assert refused[0].reason == ReportReason.SECRET_UNREADABLE
    assert "canary" not in str(gateway.reports)
    assert agent.engines() == [pid]


@provokes(ReportReason.ENGINE_MISSING)
async def test_without_an_engine_it_is_told_and_tried_again(agent, gateway, eventually):
    hidden = agent.program.rename(agent.program.with_name("hidden"))
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED), why=lambda: gateway.reports)
    assert refused[0].reason == ReportReason.ENGINE_MISSING
    hidden.rename(agent.program)
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)


async def test_a_renewed_certificate_and_its_key_are_handed_over_as_a_new_revision(
    agent, gateway, eventually
):
    def revision(number):
        certificate = gateway.file(f"certificate {number}")
        name = f"key.web.{number}"
        made = gateway.pipeline(
            number=number,
            handover="reload",
            crt_file=f"files/{certificate}",
            password=f"SECRET[vectorflow.{name}]",
            secrets={name: f"key {number}"},
            files=(FileRef(sha256=certificate),),
        )
        keys = tuple(msgspec.structs.replace(each, file=True) for each in made.secrets)
        return msgspec.structs.replace(made, secrets=keys)

    agent.start()
    await eventually(lambda: gateway.agent_keys)
    engines = []
    for number in (1, 2):
        wanted = revision(number)
        gateway.publish([wanted])
        await eventually(
            lambda number=number: [
                each for each in gateway.told(ReportKind.APPLIED) if each.number == number
            ],
            why=lambda: f"applied; told {gateway.reports}",
        )
        kept = [path.read_text() for path in agent.state.rglob(wanted.files[0].sha256)]
        assert kept == [f"certificate {number}"]
        private = {
            content
            for path, content in files_in(agent.runtime).items()
            if path.name.startswith(f"key.web.{number}")
        }
        assert f"key {number}".encode() in private
        engines += agent.engines()
    # One engine all the time: it took the new pair by a reload.
    assert len(engines) == 2
    assert engines[0] == engines[1]


def left(agent):
    """What stands open of secrets, and the folders of engines that are not there."""
    engines = {int(path.name) for path in (agent.state / "pipelines/p1/engines").iterdir()}
    return [path for path in files_in(agent.runtime) if path.is_file()], engines


async def test_a_preparation_that_is_refused_or_overtaken_leaves_nothing(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    secret = {"secrets": {"pass": "canary"}, "password": "SECRET[vectorflow.pass]"}
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    gateway.publish([gateway.pipeline(number=2, invalid=True, **secret)])
    await eventually(lambda: gateway.told(ReportKind.REFUSED), why=lambda: gateway.reports)
    assert left(agent) == ([], {1})
    for number in (3, 4):
        gateway.publish([gateway.pipeline(number=number, slow_validate=1, **secret)])
        await eventually(lambda: opened(agent, "pass", "canary"))
        gateway.publish([gateway.pipeline(number=5)])
        await eventually(lambda: left(agent) == ([], {1}), seconds=10, why=lambda: left(agent))
    # What an agent left that was killed in the midst of it goes when the next one begins.
    agent.kill()
    trial = agent.runtime / "p1/9-trial"
    trial.mkdir(parents=True)
    (trial / "pipeline.yaml").write_text("canary")
    agent.start()
    await eventually(lambda: left(agent) == ([], {1}), seconds=10, why=lambda: left(agent))
    assert len(agent.engines()) == 1
