"""What an installation consists of: folders and files with their content and modes. Pure, but for reading what is given."""

import json
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import yaml

from vectorflow_agent.install.unit import unit_text
from vectorflow_agent.settings import Settings, SettingsInvalid, settings_check
from vectorflow_wire import tokens

FOLDER: Final = Path("/etc/vectorflow-agent")
UNIT: Final = Path("/etc/systemd/system/vectorflow-agent.service")
STATE: Final = Path("/var/lib/vectorflow-agent")
RUNTIME: Final = Path("/run/vectorflow-agent")
"""Opened secrets of the service, which systemd leaves there for engines that go on."""
SERVICE: Final = "vectorflow-agent.service"

_POLICY: Final = """# What may run on this node, whoever asks. Only root may change this file; it outranks the control plane.
# All of it: the documentation's page "Running agents".
deny_components: [exec]
tap: true
updates: true
"""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was told. Files are as the agent will find them on this machine."""

    server: str
    token: str
    fingerprint: str
    program: str
    ca_file: str = ""
    client_cert: str = ""
    client_key: str = ""
    proxy: str = ""
    user: str = ""
    write_paths: tuple[str, ...] = ()
    systemd: bool = True


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file of the installation. `keep`: one that is there already stays as it is."""

    path: Path
    content: str
    mode: int
    keep: bool = False
    secret: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an installation makes. Folders are private to the agent's user."""

    folders: tuple[Path, ...]
    files: tuple[File, ...]
    user: str = ""


def plan_of(wanted: Wanted) -> Plan:
    """The installation for what is wanted. Raises SettingsInvalid for what cannot work."""
    _check(wanted)
    settings = {
        "url": wanted.server,
        "root_fingerprint": wanted.fingerprint,
        "enrolment_token_file": str(FOLDER / "token"),
        "state_dir": str(STATE),
        "ca_file": wanted.ca_file,
        "client_cert": wanted.client_cert,
        "client_key": wanted.client_key,
    }
    text = "# Written by vectorflow-agent install. The environment outranks it.\n"
    text += yaml.safe_dump({name: value for name, value in settings.items() if value}, sort_keys=False)
    files = [
        File(path=FOLDER / "agent.yaml", content=text, mode=0o644),
        File(path=FOLDER / "token", content=wanted.token + "\n", mode=0o600, secret=True),
        File(path=FOLDER / "policy.yaml", content=_POLICY, mode=0o644, keep=True),
    ]
    if wanted.proxy:
        proxy = json.dumps(wanted.proxy)
        environment = f"HTTPS_PROXY={proxy}\nHTTP_PROXY={proxy}\nNO_PROXY=localhost,127.0.0.1,::1\n"
        # A proxy's address may hold a password.
        files.append(File(path=FOLDER / "environment", content=environment, mode=0o600, secret=True))
    if wanted.systemd:
        unit = unit_text(
            program=wanted.program,
            arguments=(),
            configuration=str(FOLDER / "agent.yaml"),
            token=str(FOLDER / "token"),
            user=wanted.user,
            write_paths=wanted.write_paths,
        )
        files.append(File(path=UNIT, content=unit, mode=0o644))
    return Plan(folders=(FOLDER, STATE), files=tuple(files), user=wanted.user)


def _check(wanted: Wanted) -> None:
    settings_check(Settings(url=wanted.server, client_cert=wanted.client_cert, client_key=wanted.client_key))
    try:
        tokens.parse(wanted.token, prefixes={tokens.ENROLMENT})
    except tokens.TokenInvalid:
        raise SettingsInvalid(
            "the enrolment token was mistyped or cut: copy it again, whole (it starts with vfe_)"
        ) from None
    digits = wanted.fingerprint.removeprefix("sha256:")
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise SettingsInvalid(
            "the root key's fingerprint must be sha256: and 64 hexadecimal digits, as the enrolment page shows it"
        )
    for path in (wanted.ca_file, wanted.client_cert, wanted.client_key):
        if path and not Path(path).is_file():
            raise SettingsInvalid(f"there is no file {path}")
    if wanted.proxy and urlsplit(wanted.proxy).scheme not in {"http", "https"}:
        raise SettingsInvalid("the proxy must look like http://proxy.example.com:3128")
    for given in (wanted.program, wanted.user, *wanted.write_paths):
        if any(letter.isspace() or not letter.isprintable() or letter in "%\"'\\$" for letter in given):
            raise SettingsInvalid(f"{given!r} cannot stand in a unit")
    if any(not path.startswith("/") for path in wanted.write_paths):
        raise SettingsInvalid("folders to write to must be absolute")
