"""What a machine says of itself when it enrols, and when it changes."""

import asyncio
import platform
from types import SimpleNamespace

import pytest

from vectorflow_agent.core.machine import DMI, machine_facts
from vectorflow_agent.shell import machine
from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.identity import platform_facts, reported_facts
from vectorflow_wire.messages import Intervals, Machine


@pytest.mark.parametrize(
    ("firmware", "cloud"),
    [
        ({"sys_vendor": "Amazon EC2", "product_name": "t3.micro"}, "aws"),
        ({"sys_vendor": "Google", "product_name": "Google Compute Engine"}, "gcp"),
        ({"sys_vendor": "Microsoft Corporation", "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77"}, "azure"),
        ({"sys_vendor": "QEMU", "chassis_asset_tag": "OracleCloud.com"}, "oracle"),
        ({"sys_vendor": "Hetzner", "product_name": "vServer"}, "hetzner"),
    ],
)  # fmt: skip
def test_a_provider_is_known_by_its_firmware(firmware, cloud):
    assert machine_facts(firmware, distribution="", kubernetes=False) == {"cloud": cloud}


@pytest.mark.parametrize(
    "firmware", [{}, {"sys_vendor": "Microsoft Corporation"}, {"product_name": "Amazon EC2"}]
)
def test_what_is_not_known_is_left_out(firmware):
    assert machine_facts(firmware, distribution="", kubernetes=False) == {}


def test_facts_are_read_from_this_machine(tmp_path, monkeypatch):
    assert set(DMI) == {"sys_vendor", "product_name", "chassis_asset_tag"}
    (tmp_path / "sys_vendor").write_text("Amazon EC2\n")
    (tmp_path / "product_name").mkdir()  # cannot be read
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"PRETTY_NAME": "Some Linux 12"})
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert reported_facts(tmp_path) == {"cloud": "aws", "kubernetes": "yes", "distribution": "Some Linux 12"}

    def missing():
        raise OSError

    monkeypatch.setattr(platform, "freedesktop_os_release", missing)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert reported_facts(tmp_path / "none") == {}


async def test_a_node_tells_its_facts_when_it_enrols(agent, gateway, eventually):
    agent.start(KUBERNETES_SERVICE_HOST="10.0.0.1")
    await eventually(lambda: gateway.agent_keys, why=agent.log.read_text)
    assert gateway.enrolled.facts["kubernetes"] == "yes"


async def test_an_agent_tells_what_its_machine_is_after_each_start(agent, gateway, eventually):
    agent.start()
    (first,) = await eventually(lambda: gateway.machines, why=agent.log.read_text)
    assert first.platform == platform_facts()
    assert "kubernetes" not in first.facts
    agent.kill()
    agent.start(VECTORFLOW_HOSTNAME="renamed", KUBERNETES_SERVICE_HOST="10.0.0.1")
    await eventually(lambda: len(gateway.machines) == 2, why=agent.log.read_text)
    assert (gateway.machines[1].hostname, gateway.machines[1].facts["kubernetes"]) == ("renamed", "yes")


async def test_what_is_known_is_told_once_and_what_could_not_be_told_again(monkeypatch):
    class Away:
        def __init__(self):
            self.calls = []

        async def machine(self, token, machine):
            self.calls.append((token, machine.hostname))
            if len(self.calls) == 1:
                raise GatewayError("away")

    names = iter(["a", "a", "a", "b"])
    changed = asyncio.Event()

    def now(_):
        try:
            return Machine(hostname=next(names))
        except StopIteration:
            changed.set()
            return Machine(hostname="b")

    monkeypatch.setattr(machine, "machine_now", now)
    link = SimpleNamespace(
        enrolled=asyncio.Event(), intervals=Intervals(heartbeat_seconds=0.01), token=lambda: "t"
    )
    link.enrolled.set()
    context = SimpleNamespace(settings=SimpleNamespace(host_name="a"))
    gateway = Away()
    telling = asyncio.create_task(machine.MachineTeller(context, gateway, link, look_seconds=0.001).loop())
    async with asyncio.timeout(30):
        await changed.wait()
    telling.cancel()
    assert gateway.calls == [("t", "a"), ("t", "a"), ("t", "b")]
