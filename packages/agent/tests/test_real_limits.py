"""A disk that is really full, a folder that is really closed and a port that is really taken are told apart."""

import os
import shutil
import socket
import subprocess

import pytest
from packages.agent.tests.conftest import provokes

from vectorflow_wire.messages import ReportKind, ReportReason

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="mounting, and giving up rights, needs root")
SMALL = "2m"


def _mounted(path):
    path.mkdir(mode=0o700, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SMALL},mode=700", "tmpfs", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")


def _fill(path):
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 4096):
                pass
        except OSError as error:
            assert error.errno == 28  # noqa: PT017  the point is that it is really full
    return path


async def _running(agent, gateway, eventually):
    agent.start()
    await eventually(lambda: gateway.agent_keys, seconds=60, why=agent.log.read_text)
    gateway.publish([gateway.pipeline()])
    await eventually(lambda: gateway.told(ReportKind.APPLIED), seconds=60, why=lambda: gateway.reports)
    return agent.engines()


def _refused(gateway):
    return [each.reason for each in gateway.told(ReportKind.REFUSED)]


@provokes(ReportReason.DISK_FULL)
@ROOT_ONLY
async def test_a_disk_that_is_full_is_told_and_tried_again(agent, gateway, eventually):
    _mounted(agent.state)
    try:
        engines = await _running(agent, gateway, eventually)
        filler = _fill(agent.state / "filler")
        gateway.publish([gateway.pipeline(number=2, rate=2)])
        await eventually(lambda: _refused(gateway), seconds=60, why=agent.log.read_text)
        assert _refused(gateway) == [ReportReason.DISK_FULL]
        assert agent.engines() == engines
        filler.unlink()
        await eventually(
            lambda: [each for each in gateway.told(ReportKind.APPLIED) if each.number == 2],
            seconds=90,
            why=lambda: gateway.reports,
        )
        sequences = sorted(each.sequence for each in gateway.reports)
        assert sequences == list(range(1, len(sequences) + 1))
    finally:
        agent.clean_up()
        subprocess.run(["umount", "-l", str(agent.state)], check=False)


@provokes(ReportReason.PERMISSION_DENIED)
@ROOT_ONLY
async def test_a_folder_that_is_closed_is_told_and_tried_again(agent, gateway, eventually):
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("there is no setpriv on this machine")
    # Root without the right to pass by permissions is as any user.
    agent.before = (setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override")
    await _running(agent, gateway, eventually)
    closed = agent.state / "pipelines" / "p2"
    closed.mkdir()
    os.chown(closed, 65534, 65534)
    closed.chmod(0o700)
    gateway.publish([gateway.pipeline(), gateway.pipeline(name="p2")])
    await eventually(lambda: _refused(gateway), seconds=60, why=agent.log.read_text)
    assert _refused(gateway) == [ReportReason.PERMISSION_DENIED]
    os.chown(closed, 0, 0)
    await eventually(
        lambda: [each for each in gateway.told(ReportKind.APPLIED) if each.pipeline == "p2"],
        seconds=90,
        why=lambda: gateway.reports,
    )


async def test_a_port_that_is_taken_is_told(agent, gateway, eventually):
    await _running(agent, gateway, eventually)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        gateway.publish([gateway.pipeline(), gateway.pipeline(name="p2", listen=taken.getsockname()[1])])
        await eventually(lambda: _refused(gateway), seconds=60, why=agent.log.read_text)
    assert _refused(gateway) == [ReportReason.PORT_IN_USE]
