"""New tokens and sealing keys with an overlap, proof of the node before, and keys bound to the machine."""

import asyncio
import json
import os
import signal
import sys

import pytest
from packages.agent.tests.real_agent import opened

from vectorflow_agent.shell.disk import Layout, write_atomic
from vectorflow_agent.shell.sealing_keys import (
    KeyUnreadable,
    Protection,
    SealingKeys,
    key_files,
    named_on_disk,
    protection_find,
)
from vectorflow_wire import keys
from vectorflow_wire.encoding import base64_bytes, base64_text
from vectorflow_wire.messages import ReportKind

CREDS = """#!{python}
import sys, pathlib, hashlib
here = pathlib.Path(__file__).parent
words = sys.argv[1:]
if words[0] == "has-tpm2":
    sys.exit(0 if (here / "tpm2").exists() else 1)
name = next(word for word in words if word.startswith("--name="))
if (here / "broken").exists():
    print("Failed to unseal: another machine", file=sys.stderr)
    sys.exit(1)
data = sys.stdin.buffer.read()
pad = hashlib.sha256(name.encode()).digest() * (len(data) // 32 + 1)
sys.stdout.buffer.write(bytes(a ^ b for a, b in zip(data, pad)))
"""


@pytest.fixture
def creds(tmp_path):
    """A stand-in for `systemd-creds`: the same calls; what it wrote opens only under the same name."""
    program = tmp_path / "bin/systemd-creds"
    program.parent.mkdir()
    program.write_text(CREDS.format(python=sys.executable))
    program.chmod(0o700)
    return program


def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir(exist_ok=True)
    return folder


def test_the_key_is_never_on_disk_as_it_is_where_credentials_are_there(tmp_path, creds):
    made = SealingKeys(state(tmp_path), Protection(str(creds)))
    stored = (state(tmp_path) / "sealing.key").read_bytes()
    private = made.private(keys.key_id(base64_bytes(made.public)))
    assert private is not None
    assert base64_text(private).encode() not in stored
    assert private not in stored
    assert SealingKeys(state(tmp_path), Protection(str(creds))).public == made.public


def test_a_key_from_before_is_encrypted_when_credentials_come(tmp_path, creds):
    before = SealingKeys(state(tmp_path), Protection(""))
    plain = (state(tmp_path) / "sealing.key").read_bytes()
    after = SealingKeys(state(tmp_path), Protection(str(creds)))
    assert after.public == before.public
    assert plain not in (state(tmp_path) / "sealing.key").read_bytes()


def test_on_another_machine_the_key_does_not_open_and_the_rest_goes_on(tmp_path, creds):
    SealingKeys(state(tmp_path), Protection(str(creds)))
    (creds.parent / "broken").touch()
    copied = SealingKeys(state(tmp_path), Protection(str(creds)))
    assert "another machine" in copied.problem
    assert copied.public == ""
    with pytest.raises(KeyUnreadable):
        Protection(str(creds)).close(b"x")


def test_it_says_what_reading_the_disk_means(creds):
    assert "bound to" not in Protection(str(creds)).words
    (creds.parent / "tpm2").touch()
    assert "TPM2" in Protection(str(creds)).words
    assert "whoever reads the disk reads the secrets" in protection_find("off").words


def test_the_old_key_opens_until_nothing_is_sealed_to_it(tmp_path):
    made = SealingKeys(state(tmp_path), Protection(""))
    old = keys.key_id(base64_bytes(made.public))
    new = keys.key_id(base64_bytes(made.prepare_next()))
    assert made.prepare_next() == made.prepare_next()
    made.promote()
    assert keys.key_id(base64_bytes(made.public)) == new
    made.forget({old, new})
    assert made.private(old) is not None
    made.forget({new})
    assert made.private(old) is None
    assert SealingKeys(state(tmp_path), Protection("")).private(old) is None


def test_a_key_that_is_still_needed_outlives_the_next_rotations(tmp_path):
    made = SealingKeys(state(tmp_path), Protection(""))
    first = keys.key_id(base64_bytes(made.public))
    for _ in range(2):
        made.prepare_next()
        made.promote()
    again = SealingKeys(state(tmp_path), Protection(""))
    assert again.private(first) == made.private(first) is not None
    assert again.old == made.old
    assert len(again.old) == 2
    again.forget({first})
    assert [path.name for path in key_files(state(tmp_path))] == ["sealing.key.old", "sealing.key"]
    again.prepare_next()
    again.promote()
    again.forget(())
    assert [path.name for path in key_files(state(tmp_path))] == ["sealing.key"]


def test_what_is_applied_names_the_keys_it_needs_and_an_ended_engine_none(tmp_path):
    layout = Layout(state(tmp_path))
    one = layout.pipeline("p1")
    write_atomic(one.applied, b'{"spec":{"secrets":[{"key":"aaa"}]}')
    write_atomic(one.instance(3) / "engine.json", b'{"key":"bbb"}')
    assert named_on_disk(layout, {"aaa", "bbb", "ccc"}) == {"aaa"}


def test_a_lost_answer_leaves_both_keys_and_the_bundle_decides(tmp_path):
    made = SealingKeys(state(tmp_path), Protection(""))
    public = made.prepare_next()
    again = SealingKeys(state(tmp_path), Protection(""))
    again.used({keys.key_id(base64_bytes(public))})
    assert again.public == public


async def test_a_token_that_is_old_is_renewed_with_a_new_sealing_key(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    options = {"password": "SECRET[vectorflow.pass]", "handover": "reload"}
    gateway.publish([gateway.pipeline(secrets={"pass": "first"}, **options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    pid = agent.engines()[0]
    first_key, first_token = gateway.agent_keys.sealing, gateway.node_token.text
    agent.kill()
    stored = json.loads((agent.state / "node.json").read_text())
    stored["token_since"] = 1
    (agent.state / "node.json").write_text(json.dumps(stored))
    agent.start()
    await eventually(lambda: gateway.rotations == 1, why="a new token was asked for")
    await eventually(lambda: first_token not in (agent.state / "node.json").read_text())
    assert gateway.agent_keys.sealing != first_key
    # The overlap: what is sealed to the old key opens, and then what is sealed to the new one.
    gateway.publish([gateway.pipeline(secrets={"pass": "second"}, version=2, **options)])
    await eventually(lambda: opened(agent, "pass", "second"))
    assert agent.engines() == [pid]
    await eventually(lambda: not (agent.state / "sealing.key.old").exists())


async def test_what_the_bundle_does_not_carry_any_more_still_opens_after_a_rotation(
    agent, gateway, served, eventually
):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    options = {"password": "SECRET[vectorflow.pass]"}
    gateway.publish([gateway.pipeline(secrets={"pass": "kept"}, **options)])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), why=lambda: gateway.reports)
    agent.kill()
    stored = json.loads((agent.state / "node.json").read_text())
    stored["token_since"] = 1
    (agent.state / "node.json").write_text(json.dumps(stored))
    agent.start()
    await eventually(lambda: gateway.rotations == 1)
    await eventually((agent.state / "sealing.key.old").exists, why=agent.log.read_text)
    other = gateway.pipeline(name="p2", secrets={"pass": "new"}, **options)
    gateway.publish([other])
    await eventually(lambda: len(gateway.told(ReportKind.APPLIED)) == 2, why=lambda: gateway.reports)
    await asyncio.sleep(3)
    # A reboot without a network.
    agent.kill()
    for pid in agent.engines():
        os.kill(pid, signal.SIGKILL)
    for name in ("kept", "new"):
        for path in opened(agent, "pass", name):
            path.unlink()
    await served.down()
    agent.start()
    await eventually(lambda: opened(agent, "pass", "kept") and agent.engines("p1"), why=agent.log.read_text)
    # Once it is sealed anew, nothing needs the old key.
    await served.up()
    gateway.publish(
        [gateway.pipeline(secrets={"pass": "kept"}, version=2, handover="reload", **options), other]
    )
    await eventually(lambda: not (agent.state / "sealing.key.old").exists(), why=agent.log.read_text)
    assert len(agent.engines("p1")) == 1


async def test_a_lost_token_is_got_back_with_proof_and_the_node_is_the_same(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED))
    (pid,) = agent.engines()
    agent.kill()
    (agent.state / "node.json").unlink()
    agent.start()
    await eventually(lambda: gateway.enrolments == 2)
    assert gateway.proofs == [True]
    await eventually(lambda: gateway.heartbeats[-1].pipelines and gateway.status().pid == pid)
    assert agent.engines() == [pid]
