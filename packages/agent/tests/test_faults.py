"""A gateway that answers wrongly in every way there is: what runs goes on, and what was wrong is told."""

import asyncio
import itertools
import os
import re
import signal

import msgspec
import pytest
from nacl.signing import SigningKey
from packages.agent.tests.conftest import provokes
from packages.agent.tests.mini_gateway import BROKEN_STREAMS, signer_of

from vectorflow_wire import keys
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.messages import ReportKind

DAY_MS = 86_400_000


async def running(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    await eventually(lambda: gateway.heartbeats)
    return agent.engines()[0]


async def goes_on(agent, gateway, eventually, pid):
    """The engine is the same, and the agent follows as soon as the gateway is itself again."""
    assert agent.engines() == [pid]
    gateway.damage = ""
    gateway.publish([gateway.pipeline(number=2, rate=2)])
    await eventually(
        lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.number == 2],
        seconds=40,
        why=lambda: gateway.reports,
    )


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param("cut", "bundle-unreadable", marks=provokes("bundle-unreadable")),
        pytest.param("huge", "bundle-too-large", marks=provokes("bundle-too-large")),
        ("half", ""),  # nothing came whole that could be refused
        pytest.param("garbage", "bundle-unreadable", marks=provokes("bundle-unreadable")),
        pytest.param("nothing", "bundle-unreadable", marks=provokes("bundle-unreadable")),
    ],
)
async def test_a_damaged_bundle_changes_nothing_and_is_told(agent, gateway, eventually, damage, reason):
    pid = await running(agent, gateway, eventually)
    gateway.damage = damage
    gateway.publish([gateway.pipeline(state="stop")])
    await eventually(lambda: "what runs goes on" in agent.log.read_text(), why=agent.log.read_text)
    assert not gateway.told(ReportKind.STOPPED)
    if reason:
        refused = await eventually(lambda: gateway.told(ReportKind.REFUSED), why=lambda: gateway.reports)
        assert [(each.reason, each.pipeline) for each in refused] == [(reason, "")]
    await goes_on(agent, gateway, eventually, pid)


@pytest.mark.parametrize("status", ["400", "401", "403", "404", "429", "500", "502"])
async def test_whatever_status_comes_what_runs_goes_on(agent, gateway, eventually, status):
    pid = await running(agent, gateway, eventually)
    gateway.mode = status
    gateway.publish([gateway.pipeline(state="stop")])
    await eventually(lambda: "what runs goes on" in agent.log.read_text(), why=agent.log.read_text)
    assert agent.engines() == [pid]


@pytest.mark.parametrize("status", ["302", "400", "405", "407", "421"])
async def test_a_stranger_who_answers_costs_no_report(agent, gateway, eventually, status):
    pid = await running(agent, gateway, eventually)
    gateway.mode = status
    os.kill(pid, signal.SIGKILL)
    await eventually(
        lambda: re.search(r"reports: the gateway answered.*kept and sent again", agent.log.read_text()),
        why=agent.log.read_text,
    )
    await asyncio.sleep(1)
    gateway.mode = "ok"
    await eventually(lambda: gateway.told(ReportKind.CRASHED), why=lambda: gateway.reports)
    assert "set aside" not in agent.log.read_text()


@pytest.mark.parametrize("how", ["break", *BROKEN_STREAMS])
async def test_a_stream_that_breaks_off_is_opened_again(agent, gateway, eventually, how):
    pid = await running(agent, gateway, eventually)
    await eventually(lambda: gateway.listeners)
    opened = gateway.calls.count("GET /agent/v1/stream")
    for queue in list(gateway.listeners):
        queue.put_nowait((how, {}))
    await eventually(lambda: gateway.calls.count("GET /agent/v1/stream") > opened)
    assert "\x00" not in agent.log.read_text()
    await goes_on(agent, gateway, eventually, pid)


@provokes("bundle-expired")
async def test_a_clock_off_by_a_day_is_told_with_the_offset(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    now = gateway.heartbeats[-1].at
    gateway.clock_ahead = -DAY_MS
    gateway.publish([gateway.pipeline(state="stop")], issued_at=now - 2 * DAY_MS, expires_at=now - DAY_MS)
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == "bundle-expired"
    assert "expired 8640" in refused[0].message
    await eventually(lambda: abs(gateway.heartbeats[-1].agent.clock_offset_ms - DAY_MS) < 60_000)
    assert agent.engines() == [pid]


async def test_a_node_whose_clock_is_a_day_behind_takes_what_comes(agent, gateway, eventually):
    await running(agent, gateway, eventually)
    now = gateway.heartbeats[-1].at
    gateway.clock_ahead = DAY_MS
    gateway.publish(
        [gateway.pipeline(number=2, rate=2)], issued_at=now + DAY_MS, expires_at=now + DAY_MS + 3_600_000
    )
    await eventually(lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.number == 2])
    await eventually(lambda: abs(gateway.heartbeats[-1].agent.clock_offset_ms + DAY_MS) < 60_000)
    told = gateway.tell(
        "restart", {"pipeline": "p1"}, issued_at=now + DAY_MS, expires_at=now + DAY_MS + 3_600_000
    )
    (report,) = await eventually(lambda: gateway.answers(told))
    assert report.kind == ReportKind.STATEMENT_DONE


async def test_what_is_stored_boots_however_long_ago_it_expired(agent, gateway, served, eventually):
    await running(agent, gateway, eventually)
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    await served.down()
    # As a clock a day ahead sees it: signed for this node, accepted once, and expired since.
    now = gateway.heartbeats[-1].at
    gateway.publish([gateway.pipeline()], issued_at=now - 2 * DAY_MS, expires_at=now - DAY_MS)
    (agent.state / "desired.json").write_bytes(bytes(gateway.body))
    agent.start()
    await eventually(agent.engines, why=agent.log.read_text)
    assert "stored bundle" not in agent.log.read_text()


@provokes("keys-refused", "bundle-signature")
async def test_online_keys_change_by_the_roots_word_only(agent, gateway, eventually):
    pid = await running(agent, gateway, eventually)
    thief, new = SigningKey.generate(), SigningKey.generate()

    def listed(key):
        return keys.OnlineKey(id=signer_of(key).key_id, public=base64_text(bytes(key.verify_key)))

    # The online key names its successor: that is not its to say.
    content = keys.KeyList(
        organization=gateway.organization,
        version=2,
        issued_at=0,
        expires_at=10**14,
        keys=(listed(gateway.online), listed(thief)),
    )
    forged = keys.key_list_signed(content, signer_of(gateway.online))
    gateway.publish([gateway.pipeline(state="stop")], key=thief, keys_envelope=forged, keys_version=2)
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED))
    assert refused[0].reason == "keys-refused"
    assert agent.engines() == [pid]
    # The root key does, and then the old key signs no more, and the old list is not taken again.
    second = gateway.key_list(version=2, keys=(listed(new),))
    gateway.publish([gateway.pipeline(number=2, rate=2)], key=new, keys_envelope=second, keys_version=2)
    await eventually(lambda: [r for r in gateway.told(ReportKind.APPLIED) if r.number == 2])
    gateway.publish([gateway.pipeline(state="stop")], keys_envelope=second, keys_version=2)
    await eventually(lambda: len(gateway.told(ReportKind.REFUSED)) == 2)
    gateway.publish([gateway.pipeline(state="stop")], key=new, keys_envelope=gateway.key_list(version=1))
    refused = await eventually(lambda: gateway.told(ReportKind.REFUSED)[2:])
    assert refused[0].reason == "keys-refused"
    assert gateway.told(ReportKind.REFUSED)[1].reason == "bundle-signature"
    assert len(agent.engines()) == 1


async def test_every_call_waits_as_long_as_the_gateway_asks_and_a_share_more(agent, gateway, eventually):
    gateway.intervals = msgspec.structs.replace(gateway.intervals, poll_seconds=0.3)
    pid = await running(agent, gateway, eventually)
    gateway.retry_after, gateway.mode = "2", "500"
    gateway.called_at.clear()

    def times(path):
        return [at for called, at in gateway.called_at if called == path]

    paths = ("/agent/v1/desired", "/agent/v1/heartbeat", "/agent/v1/stream")
    for queue in gateway.listeners:
        queue.put_nowait(("break", {}))
    await eventually(lambda: all(len(times(path)) >= 4 for path in paths), seconds=90)
    for path in paths:
        # What was under way when it began to refuse does not count; then each wait is two seconds or more.
        waits = [later - at for at, later in itertools.pairwise(times(path)[1:4])]
        assert min(waits) >= 1.9, (path, waits)
    gateway.mode = "ok"
    await goes_on(agent, gateway, eventually, pid)
