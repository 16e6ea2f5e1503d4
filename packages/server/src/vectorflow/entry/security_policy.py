"""The security policy as data: what the pages say, and the text of `/.well-known/security.txt`."""

import tomllib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files

import msgspec
from litestar import MediaType, get
from litestar.di import NamedDependency

from vectorflow.entry.services import Services
from vectorflow.kernel.clock import rfc3339

PATH = "/.well-known/security.txt"


class Severity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How grave a finding is; `fix_days` is the aim for its patch, None means with an ordinary release."""

    name: str
    fix_days: int | None = None


class Version(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which fixes a version gets."""

    name: str
    support: str


class ScopeLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of finding that the policy asks for, with the severity it has at its worst."""

    id: str
    area: str
    what: str
    severity: str


class SecurityPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every number and list of the policy. Units are in the names."""

    contact: str
    key_page: str
    languages: tuple[str, ...]
    security_txt_valid_days: int
    acknowledgement_hours: int
    status_days: int
    disclosure_after_patch_days: int
    disclosure_latest_days: int
    flood_gbps: int
    flood_requests_per_second: int
    grant_minutes: int
    severity: tuple[Severity, ...]
    version: tuple[Version, ...]
    scope: tuple[ScopeLine, ...]


@cache
def security_policy() -> SecurityPolicy:
    """Return the policy of this version, read from the data file beside this module."""
    text = files(__package__).joinpath("security_policy.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), SecurityPolicy)


def security_txt(*, now: datetime, base_url: str | None = None) -> str:
    """Return the body of `security.txt` (RFC 9116), served as `text/plain; charset=utf-8`.

    `now` carries its time zone. It expires at a midnight (UTC) within a year, so that it may be cached and is
    the same all day. `base_url` is the address people use for this installation; with one the text says where
    it belongs.
    """
    policy = security_policy()
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    expires = midnight + timedelta(days=policy.security_txt_valid_days)
    lines = [
        f"Contact: mailto:{policy.contact}",
        f"Expires: {rfc3339(expires)}",
        f"Encryption: {policy.key_page}",
        f"Preferred-Languages: {', '.join(policy.languages)}",
        f"Policy: {policy.key_page}",
    ]
    if base_url is not None and base_url.startswith("https://"):
        lines.append(f"Canonical: {base_url.rstrip('/')}{PATH}")
    return "\n".join(lines) + "\n"


@get(
    PATH,
    media_type=MediaType.TEXT,
    include_in_schema=False,
    public="whoever finds a weakness must find out where to report it",
)
async def get_security_txt(services: NamedDependency[Services]) -> str:
    """Answer the text for this installation."""
    return security_txt(now=services.clock.now(), base_url=services.settings.base_url)


routes = [get_security_txt]
