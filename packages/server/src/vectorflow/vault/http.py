"""Routes of secrets: values go in and never come out."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault import types
from vectorflow.vault.service import VaultService
from vectorflow.vault.types import MOST_VALUE_BYTES, NAME_PATTERN, SecretUse

_PATH = "/orgs/{org:str}/environments/{env:str}/secrets"

Value = Annotated[
    str,
    msgspec.Meta(description=f"The value, 1 to {MOST_VALUE_BYTES} bytes of text. It is never shown again."),
]


class SecretNew(msgspec.Struct, forbid_unknown_fields=True):
    """A secret to be kept."""

    name: Annotated[str, msgspec.Meta(description=f"What documents refer to: {NAME_PATTERN}")]
    value: Value

    def __repr__(self) -> str:
        return f"SecretNew({self.name!r}, …)"  # a value must not get into a log by way of a repr


class SecretReplacement(msgspec.Struct, forbid_unknown_fields=True):
    """A secret's new value."""

    value: Value

    def __repr__(self) -> str:
        return "SecretReplacement(…)"


class Secret(msgspec.Struct):
    """A secret, without its value. `used_by` are the pipelines whose draft or revisions refer to it."""

    id: UUID
    name: str
    version: int
    created_at: Instant
    updated_at: Instant
    used_by: list[SecretUse]
    etag: str


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
) -> SecretList:
    """List secrets."""
    del org, env
    key = decode_cursor(cursor, str)
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.secrets(
            txn, access.environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
    items, next_cursor = page(rows, limit, lambda row: (row.secret.name,))
    return SecretList([_secret(row.secret, row.used_by) for row in items], next_cursor)


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
        secret = await vault.create(txn, actor, environment_id, data.name, data.value)
        # A draft may have referred to the name before the secret was made.
        answer = _secret(secret, await vault.used_by(txn, environment_id, secret.name))
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
    id: FromPath[UUID],  # noqa: A002 - the path's own word
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
        newer = await vault.replace(txn, actor, environment_id, secret, data.value)
        answer = _secret(newer, await vault.used_by(txn, environment_id, newer.name))
    return Response(answer, headers={"ETag": answer.etag})


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
    id: FromPath[UUID],  # noqa: A002 - the path's own word
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
    return etag("secret", secret.id, secret.version)


def _secret(secret: types.Secret, used_by: list[SecretUse]) -> Secret:
    return Secret(
        id=secret.id,
        name=secret.name,
        version=secret.version,
        created_at=rfc3339(secret.created_at),
        updated_at=rfc3339(secret.updated_at),
        used_by=used_by,
        etag=_tag(secret),
    )


routes = [list_secrets, create_secret, update_secret, delete_secret]
