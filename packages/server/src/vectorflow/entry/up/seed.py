"""The two organisations that `vectorflow up` starts with; the second is there to be invisible from the first."""

import secrets
from pathlib import Path
from typing import Any

import msgspec

from vectorflow.entry.process import Process
from vectorflow.kernel.actor import SYSTEM
from vectorflow.platform.credentials import write_private
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.service import NewEnvironment, NewOrganization

_ENVIRONMENTS = (NewEnvironment("demo", "Demo"), NewEnvironment("production", "Production"))
_SEEDS = (("demo", "Demo", "demo@vectorflow.test"), ("other", "Other", "other@vectorflow.test"))


def load_info(path: Path) -> dict[str, Any]:
    """Return what was written down about this installation, or new sign-ins, which are written down first."""
    if path.exists():
        return dict(msgspec.json.decode(path.read_bytes()))
    sign_ins = [
        {
            "organization": slug,
            "environment": _ENVIRONMENTS[0].slug,
            "email": email,
            "password": secrets.token_urlsafe(15),
            "token": "",
        }
        for slug, _, email in _SEEDS
    ]
    info: dict[str, Any] = {**sign_ins[0], "other": sign_ins[1]}
    write_private(path, msgspec.json.format(msgspec.json.encode(info)))
    return info


async def seed(settings: Settings, info: dict[str, Any]) -> None:
    """Make the accounts and organisations of ``info`` that are not there yet."""
    async with Process.running(settings) as process:
        for (slug, name, email), sign_in in zip(_SEEDS, (info, info["other"]), strict=True):
            account_id = await process.services.identity.account_ensure(
                email, f"{name} owner", sign_in["password"]
            )
            if await process.services.tenancy.organization_id(slug) is None:
                team = NewEnvironment("platform", "Platform")
                new = NewOrganization(slug, name, team, _ENVIRONMENTS)
                await process.services.tenancy.organization_create(new, account_id, SYSTEM)
