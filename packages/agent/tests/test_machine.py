"""What a machine says of itself when it enrols."""

import platform

import pytest

from vectorflow_agent.core.machine import DMI, machine_facts
from vectorflow_agent.shell.identity import reported_facts


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
