"""Resolves what an account may do, lists who and what there is, and makes organisations."""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec
import psycopg

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import new_id
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database, Transaction
from vectorflow.tenancy import store
from vectorflow.tenancy.errors import EnvironmentNotFoundError, OrganizationNotFoundError, SlugTakenError
from vectorflow.tenancy.policy import environment_permissions, organization_permissions
from vectorflow.tenancy.types import (
    Access,
    EnvironmentInfo,
    MemberInfo,
    MembershipRow,
    OrganizationRole,
    TeamRef,
    TeamRole,
)

_MAX_SLUGS = 10_000
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,30}[a-z0-9]")


class NewEnvironment(msgspec.Struct, frozen=True):
    """An environment to be made; the order in a list is the promotion order."""

    slug: str
    name: str


class NewOrganization(msgspec.Struct, frozen=True):
    """An organisation to be made, with its first team and environments."""

    slug: str
    name: str
    team: NewEnvironment
    environments: tuple[NewEnvironment, ...]


class TenancyService:
    """Organisations, their teams, environments and members."""

    def __init__(
        self, database: Database, *, on_create: Sequence[Callable[[Transaction], Awaitable[None]]] = ()
    ) -> None:
        self._database = database
        self._on_create = tuple(on_create)  # what other rooms make with an organisation, in its transaction
        # A slug never changes and is never issued twice, so what was found once stays true.
        self._ids: OrderedDict[str, UUID] = OrderedDict()

    async def organization_id(self, slug: str) -> UUID | None:
        """Return the organisation a slug was issued to, or None."""
        if not _SLUG.fullmatch(slug):
            return None
        known = self._ids.get(slug)
        if known is not None:
            self._ids.move_to_end(slug)
            return known
        async with self._database.unscoped() as txn:
            found = await store.organization_id_by_slug(txn, slug)
        if found is not None:
            self._ids[slug] = found
            if len(self._ids) > _MAX_SLUGS:
                self._ids.popitem(last=False)
        return found

    async def access(self, account_id: UUID, organization: str, environment: str | None = None) -> Access:
        """Resolve what an account may do in an organisation, and in an environment where one is named.

        Raises `OrganizationNotFoundError` and `EnvironmentNotFoundError`, alike for what does not exist
        and for what the account may not see.
        """
        organization_id = await self.organization_id(organization)
        if organization_id is None:
            raise OrganizationNotFoundError
        named = environment if environment and _SLUG.fullmatch(environment) else None
        async with self._database.transaction(organization_id) as txn:
            member = await store.membership_get(txn, account_id)
            if member is None:
                raise OrganizationNotFoundError
            found = await store.environment_get(txn, named, account_id) if named else None
        if environment is None:
            return _access(account_id, organization_id, member, None)
        if found is None:
            raise EnvironmentNotFoundError
        access = _access(account_id, organization_id, member, found)
        if not access.may(Permission.ENVIRONMENT_READ):
            raise EnvironmentNotFoundError
        return access

    async def environments(
        self,
        access: Access,
        *,
        after: tuple[int, str] | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[EnvironmentInfo]:
        """Return the environments an account may see, in promotion order."""
        everywhere = Permission.ENVIRONMENT_READ in organization_permissions(access.role)
        async with self._database.transaction(access.organization_id) as txn:
            return await store.environment_list(
                txn, access.account_id, all_teams=everywhere, after=after, limit=limit, text=text
            )

    async def members(
        self,
        access: Access,
        *,
        after: tuple[str, UUID] | None = None,
        limit: int = 50,
        text: str | None = None,
    ) -> list[MemberInfo]:
        """Return the members of an organisation by e-mail address."""
        async with self._database.transaction(access.organization_id) as txn:
            return await store.member_list(txn, after=after, limit=limit, text=text)

    async def organization_create(self, new: NewOrganization, owner: UUID, actor: Actor) -> UUID:
        """Make an organisation with its first team and environments. Raises `SlugTakenError`."""
        organization_id = new_id()
        try:
            async with self._database.transaction(organization_id) as txn:
                await store.organization_insert(txn, new.slug, new.name)
                await _record(txn, actor, AuditAction.ORGANIZATION_CREATED, organization_id, new.name)
                for make in self._on_create:
                    await make(txn)
                await store.membership_put(txn, owner, OrganizationRole.OWNER)
                await _record(txn, actor, AuditAction.MEMBER_ADDED, owner, "its owner")
                team = TeamRef(new_id(), new.team.slug, new.team.name)
                await store.team_insert(txn, team)
                await _record(txn, actor, AuditAction.TEAM_CREATED, team.id, team.name)
                for position, environment in enumerate(new.environments):
                    environment_id = new_id()
                    await store.environment_insert(
                        txn,
                        environment_id,
                        team.id,
                        slug=environment.slug,
                        name=environment.name,
                        position=position,
                    )
                    await _record(
                        txn,
                        actor,
                        AuditAction.ENVIRONMENT_CREATED,
                        environment_id,
                        environment.name,
                    )
        except psycopg.errors.UniqueViolation as error:
            raise SlugTakenError from error
        return organization_id

    async def member_put(
        self,
        organization_id: UUID,
        account_id: UUID,
        role: OrganizationRole,
        actor: Actor,
        *,
        teams: dict[str, TeamRole] | None = None,
    ) -> None:
        """Make an account a member, or change what it is, also in the teams named by their slugs."""
        async with self._database.transaction(organization_id) as txn:
            await store.membership_put(txn, account_id, role)
            for slug, team_role in (teams or {}).items():
                team = await store.team_get(txn, slug)
                if team is not None:
                    await store.team_membership_put(txn, team.id, account_id, team_role)
            await txn.audit(
                AuditEntry(
                    action=AuditAction.MEMBER_CHANGED,
                    actor=actor,
                    object_type="account",
                    object_id=str(account_id),
                    summary=f"Made the account {role}",
                    after={"role": role, "teams": dict(teams or {})},
                )
            )
            await txn.notify(Topic.MEMBERSHIP, {"account_id": account_id})


def _access(
    account_id: UUID, organization_id: UUID, member: MembershipRow, environment: EnvironmentInfo | None
) -> Access:
    permissions = (
        environment_permissions(member.role, environment.team_role)
        if environment
        else organization_permissions(member.role)
    )
    return Access(
        account_id,
        organization_id,
        member.slug,
        member.name,
        member.role,
        permissions,
        environment,
        member.state,
        member.suspended_reason,
        member.deletion_due_at,
    )


async def _record(txn: Transaction, actor: Actor, action: AuditAction, object_id: UUID, name: str) -> None:
    object_type = "account" if action is AuditAction.MEMBER_ADDED else action.partition(".")[0]
    verb = "Added" if action is AuditAction.MEMBER_ADDED else "Created"
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type=object_type,
            object_id=str(object_id),
            summary=f"{verb} {object_type} {name}",
        )
    )
