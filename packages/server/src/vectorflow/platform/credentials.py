"""How this installation's processes reach the database: one URL per role, and the scope key.

``migrate`` creates the login roles with random passwords and keeps them, with the scope key, in
``<state>/database.json`` (mode 0600); the login that reads everything for backups lies apart in
``<state>/backup.json``. A deployment may instead pass ``VECTORFLOW_DATABASE_<ROLE>_URL`` and
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
    OPERATOR = "vf_operator"
    BACKUP = "vf_backup"

    @property
    def serves(self) -> bool:
        """Whether a process that answers requests or does background work may log in with it."""
        return self is not Role.BACKUP


SERVING = tuple(role for role in Role if role.serves)


class CredentialsMissing(Exception):
    """The database has no credentials for this process yet. Run `vectorflow migrate` first."""


class Credentials(msgspec.Struct, frozen=True):
    """Passwords of the login roles and the scope keys (hex; the first signs, all are accepted)."""

    passwords: dict[str, str]
    scope_keys: list[str]

    @classmethod
    def generate(cls) -> "Credentials":
        """Return new random credentials for every role."""
        return cls({}, [scope.new_key().hex()]).completed()

    def completed(self) -> "Credentials":
        """Return these with a random password for each role that has none yet."""
        fresh = {role.value: secrets.token_urlsafe(32) for role in Role}
        return Credentials(fresh | self.passwords, self.scope_keys)


def _path(state_dir: Path) -> Path:
    return state_dir / "database.json"


def _backup_path(state_dir: Path) -> Path:
    return state_dir / "backup.json"


def load(state_dir: Path) -> Credentials | None:
    """Return the stored credentials of the roles that serve, or None where none have been written."""
    with contextlib.suppress(FileNotFoundError):
        return msgspec.json.decode(_path(state_dir).read_bytes(), type=Credentials)
    return None


def load_all(state_dir: Path) -> Credentials | None:
    """Return all stored credentials, that for backups too, or None where none have been written."""
    known = load(state_dir)
    with contextlib.suppress(FileNotFoundError):
        stored = msgspec.json.decode(_backup_path(state_dir).read_bytes(), type=dict[str, str])
        return known and Credentials(known.passwords | stored, known.scope_keys)
    return known


def store(state_dir: Path, credentials: Credentials) -> None:
    """Write the credentials atomically, readable by this user only; the backup's in a file of its own."""
    backup = {name: each for name, each in credentials.passwords.items() if name == Role.BACKUP.value}
    serving = {name: each for name, each in credentials.passwords.items() if name not in backup}
    write_private(_path(state_dir), msgspec.json.encode(Credentials(serving, credentials.scope_keys)))
    write_private(_backup_path(state_dir), msgspec.json.encode(backup))


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
    stored = load(state_dir) if role.serves else load_all(state_dir)
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


def same_login(url: str, other: str) -> str:
    """Return the URL with the user and password that another one has."""
    user = urlsplit(other).netloc.rpartition("@")[0]
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}@{address}" if user else address))
