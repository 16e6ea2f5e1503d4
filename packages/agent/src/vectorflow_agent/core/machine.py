"""What a machine is, told for people to read: nothing is selected by it, and nobody is asked for it."""

from collections.abc import Mapping
from typing import Final

_CLOUDS: Final = (
    ("sys_vendor", "Amazon EC2", "aws"),
    ("product_name", "Google Compute Engine", "gcp"),
    ("chassis_asset_tag", "7783-7084-3265-9085-8269-3286-77", "azure"),
    ("chassis_asset_tag", "OracleCloud.com", "oracle"),
    ("sys_vendor", "Alibaba Cloud", "alibaba"),
    ("sys_vendor", "DigitalOcean", "digitalocean"),
    ("sys_vendor", "Hetzner", "hetzner"),
    ("product_name", "OpenStack Nova", "openstack"),
    ("product_name", "OpenStack Compute", "openstack"),
)
"""How the firmware of each provider's machines names itself: file of `/sys/class/dmi/id`, content, name."""
DMI: Final = tuple(sorted({name for name, _, _ in _CLOUDS}))


def machine_facts(firmware: Mapping[str, str], *, distribution: str, kubernetes: bool) -> dict[str, str]:
    """Return what is known: `cloud`, `kubernetes`, `distribution`. What is not known is left out."""
    cloud = next((cloud for name, content, cloud in _CLOUDS if firmware.get(name) == content), "")
    found = {"cloud": cloud, "kubernetes": "yes" if kubernetes else "", "distribution": distribution}
    return {name: value for name, value in found.items() if value}
