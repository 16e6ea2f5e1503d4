"""Routes of enrolment tokens."""

import ipaddress
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.fleet.http.words import Label, LabelName
from vectorflow.fleet.service import FleetService
from vectorflow.fleet.types import EnrolmentTokenCreated, EnrolmentTokenList
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.problems import InvalidRequestError
from vectorflow.tenancy.types import Access

_TOKENS = "/orgs/{org:str}/environments/{env:str}/enrolment-tokens"


class EnrolmentTokenNew(msgspec.Struct, forbid_unknown_fields=True):
    """An enrolment token to be made."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
    expires_in_seconds: Annotated[int, msgspec.Meta(ge=60, le=366 * 86_400)] = 86_400
    max_uses: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    labels: Annotated[dict[LabelName, Label], msgspec.Meta(max_length=50)] = {}
    allowed_addresses: Annotated[
        list[Annotated[str, msgspec.Meta(max_length=50)]],
        msgspec.Meta(max_length=50, description="Networks as 192.0.2.0/24; none: from anywhere."),
    ] = []
    approval: Annotated[bool, msgspec.Meta(description="Nodes wait until a person admits them.")] = False


def _networks(texts: list[str]) -> list[str]:
    found: list[str] = []
    for index, text in enumerate(texts):
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError:
            message = "write a network as 192.0.2.0/24 or 2001:db8::/32"
            raise InvalidRequestError(errors=[FieldError(f"allowed_addresses[{index}]", message)]) from None
    return found


@get(
    _TOKENS,
    operation_id="listEnrolmentTokens",
    summary="Enrolment tokens, newest first, without their secrets",
    tags=["fleet"],
    permission=Permission.NODE_READ,
)
async def list_enrolment_tokens(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> EnrolmentTokenList:
    """List enrolment tokens."""
    del org, env
    key = decode_cursor(cursor, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await fleet.enrolment_tokens(
            txn, access.environment_id, after=key[0] if key else None, limit=limit + 1, text=q
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return EnrolmentTokenList(items, next_cursor)


@post(
    _TOKENS,
    operation_id="createEnrolmentToken",
    summary="Make an enrolment token; it is shown this once",
    tags=["fleet"],
    permission=Permission.ENROLMENT_MANAGE,
)
async def create_enrolment_token(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[EnrolmentTokenNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
    idempotency: NamedDependency[Idempotency],
) -> EnrolmentTokenCreated:
    """Make an enrolment token."""
    del org, env
    networks = _networks(data.allowed_addresses)
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await fleet.enrolment_token_create(
            txn,
            access.organization_slug,
            access.environment_id,
            name=data.name,
            expires_in_seconds=data.expires_in_seconds,
            max_uses=data.max_uses,
            labels=data.labels,
            actor=actor,
            allowed_addresses=networks,
            approval=data.approval,
        )
        await idempotency.finish_secret(txn, 201)
    return made


@delete(
    _TOKENS + "/{id:uuid}",
    operation_id="revokeEnrolmentToken",
    summary="Revoke an enrolment token; nodes that used it stay",
    tags=["fleet"],
    permission=Permission.ENROLMENT_MANAGE,
)
async def revoke_enrolment_token(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    fleet: NamedDependency[FleetService],
) -> None:
    """Revoke an enrolment token."""
    del org, env
    given = request.headers.get("if-match")
    async with database.transaction(access.organization_id) as txn:
        await fleet.enrolment_token_revoke(txn, access.environment_id, id, actor, given)
