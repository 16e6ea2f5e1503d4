"""Updates of the agent: really built releases, tried beside what runs, returned from when they do not work."""

import contextlib
import json
import os
import subprocess

import psutil
import pytest
from nacl.signing import SigningKey
from packages.agent.tests.conftest import provokes
from packages.agent.tests.mini_gateway import HOUR, now_ms

from vectorflow_agent import __version__
from vectorflow_wire import envelope
from vectorflow_wire.bundles import VersionWanted
from vectorflow_wire.keys import key_id
from vectorflow_wire.messages import PipelineState, ReportKind, ReportReason

from .releasing import Shelf, built, changed

NEW = "9.1.0"


@pytest.fixture
def shelf(gateway):
    return Shelf(gateway)


def allow(agent, shelf, **policy):
    agent.policy.write_text(json.dumps({"release_keys": [shelf.public], **policy}))
    agent.policy.chmod(0o600)


async def supervised(agent, gateway, eventually, *, rate=5, **environment):
    agent.start(command="supervise", **environment)
    await eventually(lambda: gateway.agent_keys, why="enrolled")
    gateway.publish([gateway.pipeline(rate=rate)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    return agent.engines()[0]


def want(gateway, version, digest="", *, program="agent"):
    gateway.publish([gateway.pipeline(rate=5)], **{program: VersionWanted(version=version, digest=digest)})


def version_told(gateway):
    return gateway.heartbeats[-1].agent.version if gateway.heartbeats else ""


async def told(gateway, eventually, kind, *, seconds=60.0):
    (report,) = await eventually(
        lambda: gateway.told(kind), seconds=seconds, why=lambda: f"{kind}; told {gateway.reports}"
    )
    return report


def agents(agent):
    return psutil.Process(agent.process.pid).children()


async def test_a_new_version_takes_over_and_no_engine_notices(agent, gateway, eventually, shelf):
    digest = shelf.add(built(NEW), NEW)
    allow(agent, shelf)
    engine = await supervised(agent, gateway, eventually)
    supervisor = agent.process.pid
    want(gateway, NEW, digest)
    report = await told(gateway, eventually, ReportKind.UPDATED)
    assert (report.program, report.version, report.reason) == ("agent", NEW, "")
    await eventually(lambda: version_told(gateway) == NEW, why=lambda: version_told(gateway))
    assert agent.engines() == [engine]
    await eventually(lambda: gateway.status().state == PipelineState.RUNNING)
    assert agent.process.pid == supervisor
    (child,) = agents(agent)
    assert str(agent.state / "releases" / "a") in " ".join(child.cmdline())
    # After a restart of everything the same version runs, and nothing is told again.
    assert agent.end() == 0
    count = len(gateway.heartbeats)
    agent.start(command="supervise")
    await eventually(lambda: len(gateway.heartbeats) > count + 1)
    assert version_told(gateway) == NEW
    assert agent.engines() == [engine]
    assert len(gateway.told(ReportKind.UPDATED)) == 1


async def test_the_second_update_goes_to_the_other_slot_and_a_statement_is_answered(
    agent, gateway, eventually, shelf
):
    shelf.add(built(NEW), NEW)
    shelf.add(built("9.2.0"), "9.2.0")
    allow(agent, shelf)
    await supervised(agent, gateway, eventually)
    for version, slot in ((NEW, "a"), ("9.2.0", "b")):
        statement = gateway.tell("update", {"agent": {"version": version}})
        (answer,) = await eventually(
            lambda asked=statement: gateway.answers(asked), seconds=60, why=lambda: gateway.reports
        )
        assert (answer.kind, answer.version) == (ReportKind.STATEMENT_DONE, version)
        (child,) = agents(agent)
        assert str(agent.state / "releases" / slot) in " ".join(child.cmdline())


CRASHES = b"""
import os, sys
if "preflight" in sys.argv:
    print("vectorflow-agent 9.1.0")
else:
    os._exit(3)
"""
HANGS = b"""
import sys, time
if "preflight" in sys.argv:
    print("vectorflow-agent 9.1.0")
else:
    time.sleep(600)
"""


FAILING = {
    "crashes": (CRASHES, ReportReason.DOES_NOT_START),
    "hangs": (HANGS, ReportReason.NOT_CONFIRMED),
}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=provokes(reason)) for how, (_, reason) in FAILING.items()]
)
async def test_what_does_not_prove_itself_is_returned_from(agent, gateway, eventually, shelf, how):
    entry, reason = FAILING[how]
    digest = shelf.add(changed(NEW, **{"run.py": entry}), NEW)
    allow(agent, shelf)
    engine = await supervised(agent, gateway, eventually, VECTORFLOW_UPDATE_CONFIRM_SECONDS="4")
    want(gateway, NEW, digest)
    report = await told(gateway, eventually, ReportKind.UPDATE_RETURNED)
    assert (report.program, report.version, report.reason) == ("agent", NEW, reason)
    assert __version__ in report.message
    beats = len(gateway.heartbeats)
    await eventually(lambda: len(gateway.heartbeats) > beats + 1)
    assert version_told(gateway) == __version__
    assert agent.engines() == [engine]
    # Wanted again it is not tried again; told by a person it is.
    shelf.publish()
    want(gateway, NEW, digest)
    refused = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert refused.reason == reason
    statement = gateway.tell("update", {"agent": {"version": NEW}})
    (answer,) = await eventually(lambda: gateway.answers(statement), seconds=60)
    assert (answer.kind, answer.reason) == (ReportKind.STATEMENT_REFUSED, reason)
    assert agent.engines() == [engine]


async def test_one_that_cannot_start_at_all_is_refused_before_anything_ends(
    agent, gateway, eventually, shelf
):
    broken = changed(NEW, **{"site-packages/vectorflow_agent/shell/agent.py": b"import nothing_like_it\n"})
    digest = shelf.add(broken, NEW)
    allow(agent, shelf)
    await supervised(agent, gateway, eventually)
    (child,) = agents(agent)
    want(gateway, NEW, digest)
    report = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert report.reason == ReportReason.DOES_NOT_START
    assert "nothing_like_it" in report.message
    assert [each.pid for each in agents(agent)] == [child.pid]


async def test_a_trial_that_was_cut_off_is_returned_from(agent, gateway, eventually, shelf):
    digest = shelf.add(changed(NEW, **{"run.py": HANGS}), NEW)
    allow(agent, shelf)
    engine = await supervised(agent, gateway, eventually)
    want(gateway, NEW, digest)

    def on_trial():
        slots = json.loads((agent.state / "releases" / "slots.json").read_text() or "{}")
        return (slots.get("trial") or {}).get("begun")

    await eventually(lambda: (agent.state / "releases" / "slots.json").exists() and on_trial(), seconds=60)
    children = agents(agent)
    agent.kill()
    # The agent on trial is told to end when its supervisor dies, so that two never want the same folder.
    await eventually(
        lambda: not [each for each in children if each.is_running() and each.status() != "zombie"]
    )
    agent.start(command="supervise")
    report = await told(gateway, eventually, ReportKind.UPDATE_RETURNED)
    assert report.reason == ReportReason.NOT_CONFIRMED
    assert version_told(gateway) == __version__
    assert agent.engines() == [engine]


async def test_a_slot_that_was_damaged_later_is_left_and_fetched_anew(agent, gateway, eventually, shelf):
    digest = shelf.add(built(NEW), NEW)
    allow(agent, shelf)
    engine = await supervised(agent, gateway, eventually)
    want(gateway, NEW, digest)
    await told(gateway, eventually, ReportKind.UPDATED)
    await eventually(lambda: version_told(gateway) == NEW)
    assert agent.end() == 0
    state = agent.state / "releases" / "slots.json"
    before = state.read_bytes()
    # An agent that ends at once for another reason is not left.
    agent.start(command="supervise", VECTORFLOW_URL="nonsense")
    assert agent.process.wait(60) != 0
    assert state.read_bytes() == before
    # As a power cut may leave it: the files are there, and empty.
    for damaged in (agent.state / "releases" / "a").rglob("*.py"):
        damaged.write_bytes(b"")
    agent.start(command="supervise")
    report = await told(gateway, eventually, ReportKind.UPDATE_RETURNED)
    assert (report.version, report.reason) == (NEW, ReportReason.DOES_NOT_START)
    assert __version__ in report.message
    # The bundle wants it still.
    await eventually(lambda: len(gateway.told(ReportKind.UPDATED)) == 2, seconds=60)
    await eventually(lambda: version_told(gateway) == NEW)
    assert agent.engines() == [engine]


async def test_a_disk_that_fills_during_a_trial_does_not_keep_the_proven_agent_away(
    agent, gateway, eventually, shelf
):
    agent.state.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", "size=256m,mode=700", "tmpfs", str(agent.state)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        digest = shelf.add(changed(NEW, **{"run.py": HANGS}), NEW)
        allow(agent, shelf)
        engine = await supervised(
            agent,
            gateway,
            eventually,
            VECTORFLOW_UPDATE_CONFIRM_SECONDS="4",
            VECTORFLOW_UPDATE_FREE_BYTES="0",
        )
        want(gateway, NEW, digest)
        slots = agent.state / "releases" / "slots.json"
        await eventually(lambda: slots.exists() and b'"begun":true' in slots.read_bytes(), seconds=60)
        filler = agent.state / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        beats = len(gateway.heartbeats)
        await eventually(
            lambda: len(gateway.heartbeats) > beats + 2, seconds=30, why=lambda: agent.log.read_text()[-3000:]
        )
        assert version_told(gateway) == __version__
        assert agent.process.poll() is None
        assert b'"begun":true' in slots.read_bytes()
        assert agent.engines() == [engine]
        filler.unlink()
        report = await told(gateway, eventually, ReportKind.UPDATE_RETURNED)
        assert (report.version, report.reason) == (NEW, ReportReason.NOT_CONFIRMED)
        assert json.loads(slots.read_bytes())["trial"] is None
    finally:
        agent.clean_up()
        subprocess.run(["umount", "--lazy", str(agent.state)], check=True)


def wrong_key(shelf, agent):
    shelf.publish(key=SigningKey.generate())


def unreadable(shelf, agent):
    signer = envelope.MemorySigner(shelf.key, key_id(bytes(shelf.key.verify_key)))
    shelf.gateway.release_index = envelope.sign(envelope.RELEASES, {"number": "seven"}, signer).encoded()


def expired(shelf, agent):
    shelf.publish(expires_at=now_ms() - HOUR // 2)


def older_index(shelf, agent):
    shelf.publish(number=1)


def below_minimum(shelf, agent):
    shelf.publish(minimum="9.9.0")


def another_file(shelf, agent):
    for sha256, data in shelf.gateway.release_files.items():
        shelf.gateway.release_files[sha256] = data[:-1] + bytes([data[-1] ^ 1])


def not_there(shelf, agent):
    shelf.listed.clear()
    shelf.publish()


def forbidden(shelf, agent):
    allow(agent, shelf, updates=False)


def longer(shelf, agent):
    for sha256, data in shelf.gateway.release_files.items():
        shelf.gateway.release_files[sha256] = data + b"x"


BAD = {
    wrong_key: "release-signature",
    unreadable: "release-unreadable",
    expired: "release-expired",
    older_index: "release-older",
    below_minimum: "release-below-minimum",
    another_file: ReportReason.DIGEST_MISMATCH,
    not_there: "release-unlisted",
    forbidden: ReportReason.POLICY,
    longer: ReportReason.DOWNLOAD_FAILED,
}


@pytest.mark.parametrize(
    "spoil", [pytest.param(spoil, id=spoil.__name__, marks=provokes(code)) for spoil, code in BAD.items()]
)
async def test_refusals_are_told_apart_and_nothing_changes(agent, gateway, eventually, shelf, spoil):
    digest = shelf.add(built(NEW), NEW)
    shelf.publish(number=7)
    allow(agent, shelf)
    if spoil is older_index:
        # An index of a higher number was seen before.
        (agent.state / "releases").mkdir(parents=True, mode=0o700)
        (agent.state / "releases" / "index.json").write_bytes(gateway.release_index)
    spoil(shelf, agent)
    await supervised(agent, gateway, eventually)
    (child,) = agents(agent)
    want(gateway, NEW, digest)
    report = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert (report.reason, report.program, report.version) == (BAD[spoil], "agent", NEW)
    assert [each.pid for each in agents(agent)] == [child.pid]
    assert not (agent.state / "releases" / "a").exists()


@provokes(ReportReason.DISK_FULL)
async def test_a_disk_without_room_is_not_filled(agent, gateway, eventually, shelf):
    digest = shelf.add(built(NEW), NEW)
    allow(agent, shelf)
    await supervised(agent, gateway, eventually, VECTORFLOW_UPDATE_FREE_BYTES=str(2**60))
    want(gateway, NEW, digest)
    report = await told(gateway, eventually, ReportKind.UPDATE_REFUSED)
    assert report.reason == ReportReason.DISK_FULL
    assert "are to stay free" in report.message
    assert not list((agent.state / "releases").glob("*.part"))


async def test_a_download_goes_on_where_it_ended(agent, gateway, eventually, shelf):
    data = built(NEW)
    shelf.add(data, NEW)
    gateway.release_cut = len(data) // 2 + 1
    allow(agent, shelf)
    await supervised(agent, gateway, eventually)
    first = gateway.tell("update", {"agent": {"version": NEW}})
    (answer,) = await eventually(lambda: gateway.answers(first), seconds=30, why=lambda: gateway.reports)
    assert answer.reason == ReportReason.DOWNLOAD_FAILED
    assert "goes on from there" in answer.message
    second = gateway.tell("update", {"agent": {"version": NEW}})
    (answer,) = await eventually(lambda: gateway.answers(second), seconds=60, why=lambda: gateway.reports)
    assert answer.kind == ReportKind.STATEMENT_DONE
    fetched = [call for call in gateway.calls if "/releases/" in call]
    assert len(fetched) == 2


@provokes(ReportReason.NOT_SUPERVISED)
async def test_without_a_supervisor_an_agent_is_not_replaced(agent, gateway, eventually, shelf):
    shelf.add(built(NEW), NEW)
    allow(agent, shelf)
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    statement = gateway.tell("update", {"agent": {"version": NEW}})
    (answer,) = await eventually(lambda: gateway.answers(statement), why=lambda: gateway.reports)
    assert answer.reason == ReportReason.NOT_SUPERVISED
    assert os.path.exists(f"/proc/{agent.process.pid}")


@provokes("release-key-missing")
async def test_an_agent_built_without_a_key_believes_no_index(agent, gateway, eventually, shelf):
    shelf.add(built(NEW), NEW)
    await supervised(agent, gateway, eventually)
    statement = gateway.tell("update", {"agent": {"version": NEW}})
    (answer,) = await eventually(lambda: gateway.answers(statement), why=lambda: gateway.reports)
    assert answer.reason == "release-key-missing"
