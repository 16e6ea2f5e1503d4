"""Hand-over with real processes: the old revision runs unless the new one was found healthy."""

import asyncio
import json
import os
import signal
from pathlib import Path

import msgspec
import pytest
from packages.agent.tests.conftest import files_in, opened, provokes

from vectorflow_wire.bundles import FileRef
from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason


async def running(agent, gateway, eventually, **options):
    agent.start()
    await eventually(lambda: gateway.agent_keys, why="enrolled")
    gateway.publish([gateway.pipeline(**options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: f"applied; told {gateway.reports}")
    return agent.engines()[0]


async def second(gateway, eventually, kind, **options):
    gateway.publish([gateway.pipeline(number=2, **options)])
    return await eventually(
        lambda: [report for report in gateway.told(kind) if report.number == 2],
        why=lambda: f"{kind}; told {gateway.reports}",
    )


async def into_a_slow_handover(agent, gateway, eventually, handover, *, settle=3):
    """Order the second revision from an agent that looks on for `settle` seconds before it calls one healthy."""
    agent.kill()
    agent.start(VECTORFLOW_SETTLE_SECONDS=str(settle))
    await eventually(lambda: "took engine" in agent.log.read_text())
    gateway.publish([gateway.pipeline(number=2, rate=2, handover=handover)])


async def test_beside_starts_the_new_before_the_old_ends(agent, gateway, eventually):
    old = await running(agent, gateway, eventually, drain=1)
    gateway.publish([gateway.pipeline(number=2, rate=2, handover="beside")])
    both = await eventually(lambda: len(agent.engines()) == 2 and agent.engines())
    assert old in both
    await eventually(
        lambda: [report for report in gateway.told(ReportKind.APPLIED) if report.number == 2],
        why=lambda: gateway.reports,
    )
    await eventually(lambda: len(agent.engines()) == 1)
    assert agent.engines() != [old]


async def test_reload_keeps_the_process(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.APPLIED, rate=2, handover="reload")
    assert agent.engines() == [pid]
    await eventually(lambda: gateway.status().number == 2)
    agent.kill()
    agent.start()
    await eventually(lambda: "took engine" in agent.log.read_text())
    assert agent.engines() == [pid]


async def test_restart_ends_the_old_first(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.APPLIED, rate=2)
    assert len(agent.engines()) == 1
    assert agent.engines() != [old]


async def test_a_handover_computed_against_something_else_is_a_restart(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    options = {"rate": 2, "handover": "reload", "handover_from": "0" * 64}
    await second(gateway, eventually, ReportKind.APPLIED, **options)
    assert agent.engines() != [pid]


@provokes(ReportReason.CONFIG_INVALID)
@pytest.mark.parametrize("handover", ["beside", "reload", "restart"])
async def test_what_the_engine_refuses_never_touches_what_runs(agent, gateway, eventually, handover):
    pid = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, invalid=True, handover=handover)
    assert refused[0].reason == ReportReason.CONFIG_INVALID
    assert "unknown option `invalid`" in refused[0].engine_output[-1]
    assert agent.engines() == [pid]
    await eventually(lambda: gateway.status().message)
    await eventually(lambda: (gateway.status().state, gateway.status().number) == (PipelineState.RUNNING, 1))


@pytest.mark.parametrize(
    ("handover", "fault"),
    [
        pytest.param("beside", {"unhealthy": True}, marks=provokes(ReportReason.NOT_HEALTHY)),
        ("beside", {"die_after": 0.1}),
        ("restart", {"start_exit": 1}),
        ("restart", {"die_after": 0.1}),
    ],
)
async def test_a_new_revision_that_does_not_stay_up_is_taken_back(
    agent, gateway, eventually, handover, fault
):
    old = await running(agent, gateway, eventually)
    agent.kill()
    agent.start(VECTORFLOW_START_TIMEOUT_SECONDS="1")
    refused = await second(gateway, eventually, ReportKind.REFUSED, handover=handover, **fault)
    assert refused[0].reason in {ReportReason.EXITED, ReportReason.NOT_HEALTHY}
    if handover == "restart":
        await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    await eventually(lambda: gateway.status().number == 1 and len(agent.engines()) == 1)
    assert (agent.engines() == [old]) is (handover == "beside")


@provokes(ReportReason.RELOAD_REFUSED)
async def test_a_reload_that_the_engine_refuses_leaves_the_old_configuration(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    refused = await second(gateway, eventually, ReportKind.REFUSED, bad_reload=True, handover="reload")
    assert refused[0].reason == ReportReason.RELOAD_REFUSED
    assert "reload refused" in refused[0].engine_output[-1]
    assert agent.engines() == [pid]
    assert "bad_reload" not in (agent.state / "pipelines/p1/engines/1/pipeline.yaml").read_text()


async def test_an_engine_whose_figures_cannot_be_read_is_not_told_to_reload(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    agent.start(VECTORFLOW_START_TIMEOUT_SECONDS="3")
    await eventually(lambda: "took engine" in agent.log.read_text())
    os.kill(pid, signal.SIGSTOP)
    refused = await second(gateway, eventually, ReportKind.REFUSED, rate=2, handover="reload")
    os.kill(pid, signal.SIGCONT)
    assert (refused[0].reason, "was not told to reload" in refused[0].message) == ("not-healthy", True)
    assert "rate: 2" not in (agent.state / "pipelines/p1/engines/1/pipeline.yaml").read_text()
    assert agent.engines() == [pid]


async def test_an_engine_that_dies_in_a_reload_comes_back_as_it_was(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.REFUSED, die_after=0, handover="reload")
    await eventually(lambda: gateway.told(ReportKind.RESTARTED), why=lambda: gateway.reports)
    (again,) = agent.engines()
    assert again != pid
    await eventually(lambda: gateway.status().pid == again, why=gateway.status)
    assert (gateway.status().state, gateway.status().number) == (PipelineState.RUNNING, 1)


async def test_an_engine_that_is_killed_while_it_reloads_comes_back_with_the_new_revision(
    agent, gateway, eventually
):
    pid = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "reload")
    placed = agent.state / "pipelines/p1/engines/1/pipeline.yaml"
    await eventually(lambda: '"rate": 2' in placed.read_text(), why=placed.read_text)
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=lambda: gateway.reports)
    assert [report.number for report in gateway.told(ReportKind.APPLIED)] == [1, 2]
    assert gateway.told(ReportKind.REFUSED) == []
    assert [report.number for report in gateway.told(ReportKind.CRASHED)] == [1]
    assert pid not in agent.engines()


async def test_a_reload_that_was_cut_off_is_taken_back_when_the_order_is(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "reload")
    placed = agent.state / "pipelines/p1/engines/1/pipeline.yaml"
    await eventually(lambda: '"rate": 2' in placed.read_text(), why=placed.read_text)
    agent.kill()
    gateway.publish([gateway.pipeline(attempt=1)])
    agent.start(VECTORFLOW_SETTLE_SECONDS="0.2")
    await eventually(lambda: '"rate": 2' not in placed.read_text(), why=agent.log.read_text)
    await eventually(lambda: gateway.status() and gateway.status().state == PipelineState.RUNNING)
    assert (gateway.status().number, agent.engines()) == (1, [pid])
    assert gateway.told(ReportKind.CRASHED) == gateway.told(ReportKind.REFUSED) == []


async def test_a_start_that_was_cut_off_goes_on_where_nothing_else_runs(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, "restart", settle=5)
    begun = await eventually(lambda: [pid for pid in agent.engines() if pid != old] or None)
    agent.kill()
    assert gateway.told(ReportKind.APPLIED)[1:] == []
    agent.start(VECTORFLOW_SETTLE_SECONDS="0.2")
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=agent.log.read_text)
    assert "goes on starting engine" in agent.log.read_text()
    assert agent.engines() == begun


@pytest.mark.parametrize("handover", ["beside", "restart"])
async def test_a_new_engine_that_is_killed_while_it_starts_is_started_once_more(
    agent, gateway, eventually, handover
):
    old = await running(agent, gateway, eventually)
    await into_a_slow_handover(agent, gateway, eventually, handover)
    first = await eventually(lambda: set(agent.engines()) - {old})
    os.kill(first.pop(), signal.SIGKILL)
    await eventually(lambda: gateway.told(ReportKind.APPLIED)[1:], why=lambda: gateway.reports)
    assert gateway.told(ReportKind.REFUSED) == []


async def test_a_refused_revision_is_tried_again_only_when_asked(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    await second(gateway, eventually, ReportKind.REFUSED, invalid=True)
    for attempt, count in ((0, 1), (1, 2)):
        gateway.publish([gateway.pipeline(number=2, invalid=True, attempt=attempt)])
        await eventually(lambda: gateway.heartbeats[-1].generation == gateway.generation)
        await eventually(lambda count=count: len(gateway.told(ReportKind.REFUSED)) >= count)
        await asyncio.sleep(1)
        assert len(gateway.told(ReportKind.REFUSED)) == count


@provokes(ReportReason.EXITED)
async def test_unexpected_exit_0_is_a_crash(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, die_after=1.5, die_code=0)
    crashed = await eventually(lambda: gateway.told(ReportKind.CRASHED))
    assert crashed[0].message == "the engine ended by itself with exit code 0"
    assert crashed[0].engine_output[-1] == "ERROR stand-in: dying"
    assert "an event with personal data" not in str(gateway.reports)
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    assert agent.engines() != [pid]
    await eventually(lambda: gateway.status().restarts == 1)


@provokes(ReportReason.KILLED)
async def test_a_killed_engine_is_started_again_and_counters_go_on(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually, rate=100)
    before = await eventually(lambda: gateway.status().components)
    since = gateway.status().counters_since
    os.kill(pid, signal.SIGKILL)
    crashed = await eventually(lambda: gateway.told(ReportKind.CRASHED))
    assert (crashed[0].reason, crashed[0].message) == ("killed", "the engine was killed by SIGKILL")
    await eventually(lambda: gateway.told(ReportKind.RESTARTED))
    status = await eventually(lambda: gateway.status().restarts and gateway.status(), why=gateway.status)
    after = {each.id: each.received_events for each in status.components}
    assert all(after[each.id] >= each.received_events for each in before)
    assert status.counters_since == since


async def test_a_handover_cut_off_by_a_kill_is_done_again(agent, gateway, eventually):
    old = await running(agent, gateway, eventually)
    gateway.publish([gateway.pipeline(number=2, rate=2, handover="beside", unhealthy=False)])
    await eventually(lambda: len(agent.engines()) == 2)
    agent.kill()
    agent.start()
    await eventually(lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.number == 2])
    await eventually(lambda: len(agent.engines()) == 1)
    assert agent.engines() != [old]


@pytest.mark.parametrize("order", ["stop", "restart", "beside"])
async def test_an_agent_that_restarts_in_a_drain_lets_it_come_to_its_end(agent, gateway, eventually, order):
    old = await running(agent, gateway, eventually, drain=3, drain_seconds=30)
    log = agent.state / "pipelines/p1/engines/1/engine.log"
    record = log.with_name("engine.json")
    state, handover = ("stop", "restart") if order == "stop" else ("run", order)
    gateway.publish([gateway.pipeline(number=2, rate=2, state=state, handover=handover, drain_seconds=30)])
    await eventually(lambda: json.loads(record.read_text()).get("ends_at"), why=agent.log.read_text)
    # Told to end, it does not wait for the drain, and its successor finds the engine as it was left.
    assert agent.end() == 0
    agent.start()
    await eventually(lambda: old not in agent.engines(), why=agent.log.read_text)
    assert "drained" in log.read_text()


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


async def test_a_pipeline_that_cannot_be_read_holds_up_no_other_and_then_does_what_was_said_last(
    agent, gateway, eventually
):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    unreadable = agent.state / "pipelines/p1/applied.json"
    unreadable.mkdir(parents=True)
    gateway.publish([gateway.pipeline(state="stop"), gateway.pipeline(name="p2")])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    for number in range(2, 72):
        gateway.publish([gateway.pipeline(number=number), gateway.pipeline(name="p2", number=number)])
        await eventually(
            lambda number=number: gateway.told(ReportKind.APPLIED)[-1].number == number, seconds=20
        )
    unreadable.rmdir()
    await eventually(
        lambda: gateway.told(ReportKind.APPLIED)[-1].pipeline == "p1", why=lambda: gateway.reports
    )
    assert not gateway.told(ReportKind.STOPPED)


@pytest.mark.parametrize("why", ["held", "refused"])
@pytest.mark.parametrize("applied", ["{", None], ids=["damaged", "gone"])
async def test_an_engine_goes_on_though_what_is_applied_cannot_be_read(
    agent, gateway, eventually, why, applied
):
    pid = await running(agent, gateway, eventually)
    wish = {"state": "hold"} if why == "held" else {"number": 2, "invalid": True}
    gateway.publish([gateway.pipeline(**wish)])
    await eventually(lambda: gateway.told(why), why=lambda: gateway.reports)
    agent.kill()
    record = agent.state / "pipelines/p1/applied.json"
    record.unlink() if applied is None else record.write_text(applied)
    beats = len(gateway.heartbeats)
    agent.start()
    await eventually(
        lambda: len(gateway.heartbeats) > beats and gateway.status().number, why=agent.log.read_text
    )
    assert (agent.engines(), gateway.status().pid, gateway.status().number) == ([pid], pid, 1)


@pytest.mark.parametrize("name", ["engine.json", "users.json", "leaving.json"])
async def test_a_damaged_file_of_the_agent_is_set_aside_and_what_runs_goes_on(
    agent, gateway, eventually, name
):
    pid = await running(agent, gateway, eventually)
    agent.kill()
    (agent.state / name).write_bytes(b'{"\xff')
    agent.start(VECTORFLOW_ENGINE_USERS="auto")
    await eventually(lambda: f"took engine {pid} back" in agent.log.read_text(), why=agent.log.read_text)
    assert agent.engines() == [pid]
    assert (agent.state / f"{name}.damaged").exists()
    assert f"{name} is damaged" in agent.log.read_text()
