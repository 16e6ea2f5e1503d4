"""Brings the database to this version: roles, schema, scope keys. Running it again changes nothing.

At the end canaries try the fences between organisations, and a fingerprint of the fences is stored for `serve`.

Needs a login that may create roles; ``BYPASSRLS`` for the telemetry writer takes a superuser.
"""

import importlib
from pathlib import Path
from types import ModuleType

import psycopg
from psycopg import sql

from vectorflow.platform import canaries, credentials, fingerprint, scope
from vectorflow.platform.credentials import Credentials, Role
from vectorflow.platform.scope import ScopeSigner

_LOCK = 0x5646_4D49  # one migration at a time

# Roles that own things and are never logged in with.
_GROUP_ROLES = ("vf_owner", "vf_directory", "vf_auditor", "vf_presence", "vf_jobs", "vf_eraser")

# The writer of telemetry inserts for many organisations at once; the backup reads all of them, and writes nothing.
_PAST_POLICIES = (Role.TELEMETRY, Role.BACKUP)


class MigrationRefused(Exception):
    """The database login may not prepare the database. Use a superuser for `vectorflow migrate`."""


def migrate(url: str, state_dir: Path) -> None:
    """Create or update roles and schema of the database at ``url`` and keep the credentials in ``state_dir``.

    Raises `MigrationRefused` when the login lacks rights or a canary is seen from another organisation.
    """
    known = (credentials.load_all(state_dir) or Credentials.generate()).completed()
    credentials.store(state_dir, known)
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("select pg_advisory_lock(%s)", [_LOCK])
            _roles(connection, known)
            _schema().upgrade(url)
            _scope_keys(connection, known)
            canaries.try_fences(connection, ScopeSigner(bytes.fromhex(known.scope_keys[0])))
            fingerprint.store(connection)
    except canaries.IsolationBroken as error:
        raise MigrationRefused(str(error)) from error
    except psycopg.errors.InsufficientPrivilege as error:
        message = f"{MigrationRefused.__doc__} PostgreSQL says: {error.diag.message_primary}"
        raise MigrationRefused(message) from error


def prepare(url: str, state_dir: Path, revision: str) -> None:
    """Bring an empty database to the schema of an older revision, for a restore; `migrate` has to follow."""
    known = (credentials.load_all(state_dir) or Credentials.generate()).completed()
    credentials.store(state_dir, known)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [_LOCK])
        _roles(connection, known)
        _schema().upgrade(url, revision)
        _scope_keys(connection, known)


def known_revisions() -> set[str]:
    """Return the revisions of the schema that this version knows."""
    known: set[str] = _schema().revisions()
    return known


def _roles(connection: psycopg.Connection[tuple[object, ...]], known: Credentials) -> None:
    existing = {
        str(row[0]) for row in connection.execute("select rolname from pg_roles where rolname like 'vf\\_%'")
    }
    database = sql.Identifier(connection.info.dbname)
    for name in _GROUP_ROLES:
        if name not in existing:
            connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(name)))
    for role in Role:
        identifier = sql.Identifier(role.value)
        if role.value not in existing:
            connection.execute(sql.SQL("create role {} login").format(identifier))
        bypass = sql.SQL("bypassrls" if role in _PAST_POLICIES else "nobypassrls")
        connection.execute(
            sql.SQL("alter role {} login nosuperuser nocreatedb nocreaterole {} password {}").format(
                identifier, bypass, sql.Literal(known.passwords[role.value])
            )
        )
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database, identifier))
        connection.execute(
            sql.SQL("alter role {} in database {} set search_path = public, jobs").format(
                identifier, database
            )
        )
    # The owner may make functions for these roles, but does not see through their policies.
    connection.execute("alter role vf_owner noinherit")
    apart = " with inherit false, set true" if connection.info.server_version >= 160000 else ""
    for name in _GROUP_ROLES[1:]:
        connection.execute(sql.SQL("grant {} to vf_owner" + apart).format(sql.Identifier(name)))
    connection.execute(sql.SQL("revoke all on database {} from public").format(database))
    connection.execute(sql.SQL("grant create, temporary on database {} to vf_owner").format(database))
    connection.execute("alter schema public owner to vf_owner")
    connection.execute("revoke all on schema public from public")
    connection.execute("create schema if not exists vf authorization vf_owner")


def _schema() -> ModuleType:
    """Alembic and SQLAlchemy take a fifth of the server's start, which has no use for them."""
    return importlib.import_module("vectorflow.platform.schema")


def _scope_keys(connection: psycopg.Connection[tuple[object, ...]], known: Credentials) -> None:
    with connection.transaction():
        connection.execute("delete from vf.scope_keys")
        for position, key in enumerate(known.scope_keys[:2], start=1):
            inner, outer = scope.padded_keys(bytes.fromhex(key))
            connection.execute("insert into vf.scope_keys values (%s, %s, %s)", [position, inner, outer])
