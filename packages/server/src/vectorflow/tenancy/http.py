"""Routes of organisations: what one may do there, environments, members."""

from datetime import datetime
from uuid import UUID

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath

from vectorflow.kernel.permissions import Permission
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, Query, decode_cursor, page
from vectorflow.tenancy.policy import environment_permissions
from vectorflow.tenancy.service import TenancyService
from vectorflow.tenancy.types import Access, EnvironmentInfo, OrganizationState, TeamRef


class Organization(msgspec.Struct):
    """An organisation, and what the caller is and may do in it."""

    id: UUID
    slug: str
    name: str
    role: str
    permissions: list[str]
    state: OrganizationState
    suspended_reason: str | None
    deletion_due_at: datetime | None


class Environment(msgspec.Struct):
    """An environment, and what the caller may do in it."""

    id: UUID
    slug: str
    name: str
    team: TeamRef
    position: int
    permissions: list[str]


class EnvironmentList(msgspec.Struct):
    """A page of environments."""

    items: list[Environment]
    next_cursor: str | None


class Member(msgspec.Struct):
    """A member of an organisation."""

    account_id: UUID
    email: str
    name: str
    role: str


class MemberList(msgspec.Struct):
    """A page of members."""

    items: list[Member]
    next_cursor: str | None


@get(
    "/orgs/{org:str}",
    operation_id="getOrganization",
    summary="An organisation and what you may do in it",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_READ,
)
async def get_organization(org: FromPath[str], access: NamedDependency[Access]) -> Organization:
    """Answer with the organisation that the guard resolved."""
    del org
    return Organization(
        access.organization_id,
        access.organization_slug,
        access.organization_name,
        access.role,
        sorted(access.permissions),
        access.state,
        access.suspended_reason,
        access.deletion_due_at,
    )


@get(
    "/orgs/{org:str}/environments",
    operation_id="listEnvironments",
    summary="The environments you may see, in promotion order",
    tags=["organisation"],
    permission=Permission.ORGANIZATION_READ,
)
async def list_environments(
    *,
    org: FromPath[str],
    access: NamedDependency[Access],
    tenancy: NamedDependency[TenancyService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> EnvironmentList:
    """List environments."""
    del org
    key = decode_cursor(cursor, int, str)
    rows = await tenancy.environments(
        access, after=(key[0], key[1]) if key else None, limit=limit + 1, text=q
    )
    items, next_cursor = page(rows, limit, lambda row: (row.position, row.slug))
    return EnvironmentList([_environment(access, row) for row in items], next_cursor)


@get(
    "/orgs/{org:str}/members",
    operation_id="listMembers",
    summary="The organisation's members",
    tags=["organisation"],
    permission=Permission.MEMBER_READ,
)
async def list_members(
    *,
    org: FromPath[str],
    access: NamedDependency[Access],
    tenancy: NamedDependency[TenancyService],
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
    q: Query = None,
) -> MemberList:
    """List members."""
    del org
    key = decode_cursor(cursor, str, UUID)
    rows = await tenancy.members(access, after=(key[0], key[1]) if key else None, limit=limit + 1, text=q)
    items, next_cursor = page(rows, limit, lambda row: (row.email, str(row.account_id)))
    return MemberList([Member(row.account_id, row.email, row.name, row.role) for row in items], next_cursor)


def _environment(access: Access, row: EnvironmentInfo) -> Environment:
    permissions = environment_permissions(access.role, row.team_role)
    return Environment(row.id, row.slug, row.name, row.team, row.position, sorted(permissions))


routes = [get_organization, list_environments, list_members]
