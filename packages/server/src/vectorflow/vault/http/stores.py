"""Routes of outside stores; their credentials go in and never come out."""

from typing import Literal
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
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault.http.common import ENVIRONMENT
from vectorflow.vault.service import VaultService
from vectorflow.vault.store.stores import StoreRow
from vectorflow.vault.stores import AwsSettings, NewStore, StoreCredentials, VaultSettings

_PATH = ENVIRONMENT + "/secret-stores"


class StoreGiven(msgspec.Struct, forbid_unknown_fields=True):
    """An outside store. `resolve` says who asks it: the server, with `credentials`, or the engine on the node."""

    name: str
    resolve: Literal["server", "node"]
    vault: VaultSettings | None = None
    aws: AwsSettings | None = None
    credentials: StoreCredentials | None = None

    def __repr__(self) -> str:
        return f"StoreGiven({self.name!r}, …)"


class SecretStore(msgspec.Struct):
    """An outside store without its credentials. `last_error` is empty when the last look-up went well."""

    id: UUID
    name: str
    resolve: Literal["server", "node"]
    vault: VaultSettings | None
    aws: AwsSettings | None
    last_error: str
    last_used_at: Instant | None
    created_at: Instant
    updated_at: Instant
    etag: str


class SecretStoreList(msgspec.Struct):
    """Every store of the environment, by name."""

    items: list[SecretStore]


@get(
    _PATH,
    operation_id="listSecretStores",
    summary="The environment's outside stores, by name",
    tags=["secrets"],
    permission=Permission.SECRET_READ,
)
async def list_stores(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> SecretStoreList:
    """List stores."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.stores.stores(txn, access.environment_id)
    return SecretStoreList([_store(row) for row in rows])


@post(
    _PATH,
    operation_id="createSecretStore",
    summary="Set an outside store up",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def create_store(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[StoreGiven],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[SecretStore]:
    """Set a store up."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        answer = _store(await vault.stores.create(txn, actor, access.environment_id, _new(data)))
    return Response(answer, status_code=201, headers={"ETag": answer.etag})


@put(
    _PATH + "/{id:uuid}",
    operation_id="updateSecretStore",
    summary="Change an outside store; its credentials are given anew",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def update_store(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[StoreGiven],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[SecretStore]:
    """Change a store."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await vault.stores.store(txn, access.environment_id, id)
        require_match(given, _tag(row))
        answer = _store(await vault.stores.update(txn, actor, access.environment_id, row, _new(data)))
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteSecretStore",
    summary="Forget an outside store in which no secret lies",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def delete_store(
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
    """Forget a store."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await vault.stores.store(txn, access.environment_id, id)
        require_match(given, _tag(row))
        await vault.stores.delete(txn, actor, row)


def _new(data: StoreGiven) -> NewStore:
    return NewStore(
        name=data.name, resolve=data.resolve, vault=data.vault, aws=data.aws, credentials=data.credentials
    )


def _tag(row: StoreRow) -> str:
    return etag("secret-store", row.id, row.version)


def _store(row: StoreRow) -> SecretStore:
    return SecretStore(
        id=row.id,
        name=row.name,
        resolve=msgspec.convert(row.resolve, Literal["server", "node"]),
        vault=msgspec.convert(row.settings, VaultSettings) if row.kind == "vault" else None,
        aws=msgspec.convert(row.settings, AwsSettings) if row.kind == "aws" else None,
        last_error=row.last_error,
        last_used_at=rfc3339(row.last_used_at) if row.last_used_at else None,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        etag=_tag(row),
    )


routes = [list_stores, create_store, update_store, delete_store]
