"""Routes of secrets: values go in and never come out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault import types
from vectorflow.vault.errors import SecretInvalid
from vectorflow.vault.http.common import ENVIRONMENT, PlaceGiven, places_of
from vectorflow.vault.service import VaultService
from vectorflow.vault.types import (
    MOST_VALUE_BYTES,
    NAME_PATTERN,
    Limits,
    Outside,
    SecretSettings,
    SecretUse,
    State,
)

_PATH = ENVIRONMENT + "/secrets"

Value = Annotated[
    str,
    msgspec.Meta(description=f"The value, 1 to {MOST_VALUE_BYTES} bytes of text. It is never shown again."),
]


class SettingsGiven(msgspec.Struct, forbid_unknown_fields=True):
    """What may be said of a secret beside its value. `limits` say where it may be used."""

    description: str = ""
    expires_at: datetime | None = None
    rotate_days: Annotated[
        int | None, msgspec.Meta(description="Days after which a new value is due; null: never.")
    ] = None
    limits: Limits = msgspec.field(default_factory=Limits)


class SecretNew(msgspec.Struct, forbid_unknown_fields=True):
    """A secret to be kept: its value, or where it lies in an outside store."""

    name: Annotated[str, msgspec.Meta(description=f"What documents refer to: {NAME_PATTERN}")]
    value: Value | None = None
    outside: Outside | None = None
    settings: SettingsGiven = msgspec.field(default_factory=SettingsGiven)

    def __repr__(self) -> str:
        return f"SecretNew({self.name!r}, …)"  # a value must not get into a log by way of a repr


class SecretReplacement(msgspec.Struct, forbid_unknown_fields=True):
    """A secret's new value. Entering it approves `places` where drafts want to send it."""

    value: Value
    places: list[PlaceGiven] = []

    def __repr__(self) -> str:
        return "SecretReplacement(…)"


class Secret(msgspec.Struct):
    """A secret, without its value. `used_by` are the pipelines whose draft or revisions refer to it.

    `state` is `due` when a new value is due or its end is near, `expired` after its end.
    """

    id: UUID
    name: str
    version: int
    created_at: Instant
    updated_at: Instant
    value_set_at: Instant
    state: State
    description: str
    expires_at: Instant | None
    rotate_days: int | None
    limits: Limits
    outside: Outside | None
    used_by: list[SecretUse]
    etag: str


class SecretVersion(msgspec.Struct):
    """When a value was set and by whom."""

    version: int
    created_at: Instant
    created_by: str


class SecretVersionList(msgspec.Struct):
    """The values that a secret had, newest first; the last hundred."""

    items: list[SecretVersion]


class SecretList(msgspec.Struct):
    """A page of secrets, by name."""

    items: list[Secret]
    next_cursor: str | None


@get(
    _PATH,
    operation_id="listSecrets",
    summary="The environment's secrets, by name",
    tags=["secrets"],
    permission=Permission.SECRET_READ,
)
async def list_secrets(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
    only: Annotated[
        State | None, QueryParameter(name="state", description="Only secrets in this state.")
    ] = None,
) -> SecretList:
    """List secrets."""
    del org, env
    key = decode_cursor(cursor, str)
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.secrets(
            txn, access.environment_id, after=key[0] if key else None, limit=limit + 1, text=q, state=only
        )
    items, next_cursor = page(rows, limit, lambda row: (row.secret.name,))
    return SecretList([_secret(row.secret, row.used_by) for row in items], next_cursor)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getSecret",
    summary="One secret, without its value",
    tags=["secrets"],
    permission=Permission.SECRET_READ,
)
async def get_secret(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Secret]:
    """Return a secret, never its value."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        answer = await _answered(
            txn, vault, access.environment_id, await vault.secret(txn, access.environment_id, id)
        )
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH,
    operation_id="createSecret",
    summary="Keep a new secret",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def create_secret(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[SecretNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    idempotency: NamedDependency[Idempotency],
) -> Response[Secret]:
    """Keep a new secret."""
    del org, env
    environment_id = access.environment_id
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        if data.outside is not None:
            if data.value is not None:
                raise SecretInvalid(errors=[FieldError("value", "leave it out: it lies in the store")])
            secret = await vault.create_outside(
                txn, actor, environment_id, data.name, data.outside, settings=_settings(data.settings)
            )
        else:
            value, settings = data.value or "", _settings(data.settings)
            secret = await vault.create(txn, actor, environment_id, data.name, value, settings=settings)
        # A draft may have referred to the name before the secret was made.
        answer = await _answered(txn, vault, environment_id, secret)
        headers = {"ETag": answer.etag}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@put(
    _PATH + "/{id:uuid}",
    operation_id="updateSecret",
    summary="Give a secret a new value",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def update_secret(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[SecretReplacement],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Secret]:
    """Replace a value."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        secret = await vault.for_change(txn, environment_id, id)
        require_match(given, _tag(secret))
        places = places_of(data.places)
        newer = await vault.replace(txn, actor, environment_id, secret, data.value, places=places)
        answer = await _answered(txn, vault, environment_id, newer)
    return Response(answer, headers={"ETag": answer.etag})


@put(
    _PATH + "/{id:uuid}/settings",
    operation_id="updateSecretSettings",
    summary="Change a secret's description, end, reminder and limits",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def update_secret_settings(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[SettingsGiven],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[Secret]:
    """Change what is not the value."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        secret = await vault.for_change(txn, environment_id, id)
        require_match(given, _tag(secret))
        newer = await vault.change_settings(txn, actor, secret, _settings(data))
        answer = await _answered(txn, vault, environment_id, newer)
    return Response(answer, headers={"ETag": answer.etag})


@get(
    _PATH + "/{id:uuid}/versions",
    operation_id="listSecretVersions",
    summary="When a secret's values were set, and by whom",
    tags=["secrets"],
    permission=Permission.SECRET_READ,
)
async def list_secret_versions(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> SecretVersionList:
    """List versions, never values."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.versions(txn, access.environment_id, id)
    return SecretVersionList(
        [SecretVersion(row.version, rfc3339(row.created_at), row.created_by) for row in rows]
    )


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteSecret",
    summary="Delete a secret that nothing uses",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def delete_secret(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> None:
    """Delete a secret with all its versions."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        secret = await vault.for_change(txn, environment_id, id)
        require_match(given, _tag(secret))
        await vault.delete(txn, actor, environment_id, secret)


def _tag(secret: types.Secret) -> str:
    return etag("secret", secret.id, secret.version, secret.settings_version)


def _settings(given: SettingsGiven) -> SecretSettings:
    return SecretSettings(
        description=given.description,
        expires_at=given.expires_at,
        rotate_days=given.rotate_days,
        limits=given.limits,
    )


async def _answered(
    txn: Transaction, vault: VaultService, environment_id: UUID, secret: types.Secret
) -> Secret:
    used = await vault.used_by(txn, environment_id, "secret", [secret.name])
    return _secret(secret, used[secret.name])


def _secret(secret: types.Secret, used_by: list[SecretUse]) -> Secret:
    outside = None
    if secret.store_id is not None:
        outside = Outside(store_id=secret.store_id, path=secret.store_path, field=secret.store_field)
    return Secret(
        id=secret.id,
        name=secret.name,
        version=secret.version,
        created_at=rfc3339(secret.created_at),
        updated_at=rfc3339(secret.updated_at),
        value_set_at=rfc3339(secret.value_set_at),
        state=secret.state,
        description=secret.description,
        expires_at=rfc3339(secret.expires_at) if secret.expires_at else None,
        rotate_days=secret.rotate_days,
        limits=secret.limits,
        outside=outside,
        used_by=used_by,
        etag=_tag(secret),
    )


routes = [
    list_secrets,
    get_secret,
    create_secret,
    update_secret,
    update_secret_settings,
    list_secret_versions,
    delete_secret,
]
