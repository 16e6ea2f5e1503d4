"""How this installation's processes reach the database: one URL per role, and the scope key.

``migrate`` creates the login roles with random passwords and keeps them, with the scope key, in
``<state>/database.json`` (mode 0600). A deployment may instead pass ``VECTORFLOW_DATABASE_<ROLE>_URL`` and
``VECTORFLOW_SCOPE_KEY`` to each process, which then needs no such file.
"""

import contextlib
import os
import secrets
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from vectorflow.platform import scope


class Role(StrEnum):
    """The database roles that a process connects with."""

    APP = "vf_app"
    WORKER = "vf_worker"
    SIGNER = "vf_signer"
    TELEMETRY = "vf_telemetry"


class CredentialsMissing(Exception):
    """The database has no credentials for this process yet. Run `vectorflow migrate` first."""


class Credentials(msgspec.Struct, frozen=True):
    """Passwords of the login roles and the scope keys (hex; the first signs, all are accepted)."""

    passwords: dict[str, str]
    scope_keys: list[str]

    @classmethod
    def generate(cls) -> "Credentials":
        """Return new random credentials for every role."""
        return cls({role.value: secrets.token_urlsafe(32) for role in Role}, [scope.new_key().hex()])


def _path(state_dir: Path) -> Path:
    return state_dir / "database.json"


def load(state_dir: Path) -> Credentials | None:
    """Return the stored credentials, or None where none have been written."""
    with contextlib.suppress(FileNotFoundError):
        return msgspec.json.decode(_path(state_dir).read_bytes(), type=Credentials)
    return None


def store(state_dir: Path, credentials: Credentials) -> None:
    """Write the credentials atomically, readable by this user only."""
    write_private(_path(state_dir), msgspec.json.encode(credentials))


def write_private(path: Path, content: bytes) -> None:
    """Write a file atomically with mode 0600 in a directory that only this user may enter."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def role_url(base_url: str, role: Role, state_dir: Path, override: str | None = None) -> str:
    """Return the connection URL of a role: the one that was configured, else base URL and stored password.

    Raises `CredentialsMissing` when neither exists.
    """
    if override:
        return override
    stored = load(state_dir)
    if stored is None or role.value not in stored.passwords:
        raise CredentialsMissing(CredentialsMissing.__doc__)
    return with_login(base_url, role.value, stored.passwords[role.value])


def scope_key(state_dir: Path, override: str | None = None) -> bytes:
    """Return the key that signs scopes: the first that was configured (hex, by commas), else the stored one."""
    if override:
        return bytes.fromhex(override.split(",")[0])
    stored = load(state_dir)
    if stored is None:
        raise CredentialsMissing(CredentialsMissing.__doc__)
    return bytes.fromhex(stored.scope_keys[0])


def with_login(url: str, user: str, password: str) -> str:
    """Return the URL with its user and password replaced."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(user, safe='')}:{quote(password, safe='')}@{address}"
    return urlunsplit(parts._replace(netloc=netloc))
