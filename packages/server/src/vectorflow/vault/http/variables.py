"""Routes of variables."""

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault.http.common import ENVIRONMENT, PlaceGiven, places_of
from vectorflow.vault.service import VaultService
from vectorflow.vault.store.variables import Variable as VariableRow
from vectorflow.vault.types import NAME_PATTERN, SecretUse
from vectorflow.vault.variables import shown

_PATH = ENVIRONMENT + "/variables"

VariableType = Literal["string", "number", "boolean", "duration", "bytes", "list"]
Value = Annotated[
    str | int | float | bool | list[str],
    msgspec.Meta(
        description="A text, a number, true or false, a duration such as 30s, a size such as 256MiB, or a list of texts."
    ),
]


class VariableNew(msgspec.Struct, forbid_unknown_fields=True):
    """A variable to be kept. A sensitive one is sealed like a secret and never shown again."""

    name: Annotated[str, msgspec.Meta(description=f"What documents refer to as VAR[name]: {NAME_PATTERN}")]
    type: VariableType
    value: Value
    sensitive: bool = False
    description: str = ""

    def __repr__(self) -> str:
        return f"VariableNew({self.name!r}, …)"  # it may be sensitive


class VariableReplacement(msgspec.Struct, forbid_unknown_fields=True):
    """What a variable becomes. Entering a sensitive value approves `places` where drafts want to send it."""

    value: Value
    description: str = ""
    places: list[PlaceGiven] = []

    def __repr__(self) -> str:
        return "VariableReplacement(…)"


class KeptVariable(msgspec.Struct):
    """A variable; `value` is null for a sensitive one."""

    id: UUID
    name: str
    type: VariableType
    value: str | int | float | bool | list[str] | None
    sensitive: bool
    description: str
    version: int
    created_at: Instant
    updated_at: Instant
    updated_by: str
    used_by: list[SecretUse]
    etag: str


class VariableList(msgspec.Struct):
    """A page of variables, by name."""

    items: list[KeptVariable]
    next_cursor: str | None


@get(
    _PATH,
    operation_id="listVariables",
    summary="The environment's variables, by name",
    tags=["variables"],
    permission=Permission.VARIABLE_READ,
)
async def list_variables(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> VariableList:
    """List variables."""
    del org, env
    key = decode_cursor(cursor, str)
    environment_id = access.environment_id
    async with database.transaction(access.organization_id) as txn:
        rows = await vault.variables.variables(
            txn, environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
        used = await vault.used_by(txn, environment_id, "variable", [row.name for row in rows])
    items, next_cursor = page(rows, limit, lambda row: (row.name,))
    return VariableList([_variable(row, used[row.name]) for row in items], next_cursor)


@get(
    _PATH + "/{id:uuid}",
    operation_id="getVariable",
    summary="One variable; a sensitive one without its value",
    tags=["variables"],
    permission=Permission.VARIABLE_READ,
)
async def get_variable(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[KeptVariable]:
    """Return a variable."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        answer = await _answered(
            txn,
            vault,
            access.environment_id,
            await vault.variables.variable(txn, access.environment_id, id),
        )
    return Response(answer, headers={"ETag": answer.etag})


@post(
    _PATH,
    operation_id="createVariable",
    summary="Keep a new variable",
    tags=["variables"],
    permission=Permission.VARIABLE_WRITE,
)
async def create_variable(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[VariableNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    idempotency: NamedDependency[Idempotency],
) -> Response[KeptVariable]:
    """Keep a new variable."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await vault.variables.create(
            txn,
            actor,
            access.environment_id,
            name=data.name,
            type_=data.type,
            value=data.value,
            sensitive=data.sensitive,
            description=data.description,
        )
        answer = await _answered(txn, vault, access.environment_id, made)
        headers = {"ETag": answer.etag}
        await idempotency.finish(txn, 201, answer, headers)
    return Response(answer, status_code=201, headers=headers)


@put(
    _PATH + "/{id:uuid}",
    operation_id="updateVariable",
    summary="Change a variable's value and description",
    tags=["variables"],
    permission=Permission.VARIABLE_WRITE,
)
async def update_variable(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[VariableReplacement],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> Response[KeptVariable]:
    """Change a variable."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        variable = await vault.variables.for_change(txn, environment_id, id)
        require_match(given, _tag(variable))
        newer = await vault.variables.update(
            txn,
            actor,
            environment_id,
            variable,
            value=data.value,
            description=data.description,
            places=places_of(data.places),
        )
        answer = await _answered(txn, vault, environment_id, newer)
    return Response(answer, headers={"ETag": answer.etag})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteVariable",
    summary="Delete a variable that nothing uses",
    tags=["variables"],
    permission=Permission.VARIABLE_WRITE,
)
async def delete_variable(
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
    """Delete a variable."""
    del org, env
    environment_id, given = access.environment_id, if_match(request)
    async with database.transaction(access.organization_id) as txn:
        variable = await vault.variables.for_change(txn, environment_id, id)
        require_match(given, _tag(variable))
        await vault.variables.delete(txn, actor, environment_id, variable)


async def _answered(
    txn: Transaction, vault: VaultService, environment_id: UUID, row: VariableRow
) -> KeptVariable:
    used = await vault.used_by(txn, environment_id, "variable", [row.name])
    return _variable(row, used[row.name])


def _tag(row: VariableRow) -> str:
    return etag("variable", row.id, row.version)


def _variable(row: VariableRow, used_by: list[SecretUse]) -> KeptVariable:
    return KeptVariable(
        id=row.id,
        name=row.name,
        type=msgspec.convert(row.type, VariableType),
        value=shown(row),
        sensitive=row.sensitive,
        description=row.description,
        version=row.version,
        created_at=rfc3339(row.created_at),
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        used_by=used_by,
        etag=_tag(row),
    )


routes = [list_variables, get_variable, create_variable, update_variable, delete_variable]
