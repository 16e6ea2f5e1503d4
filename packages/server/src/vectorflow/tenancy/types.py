"""Who belongs where."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from vectorflow.kernel.permissions import Permission
from vectorflow.tenancy.errors import EnvironmentNotFoundError


class OrganizationRole(StrEnum):
    """What a member is in the whole organisation."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    AUDITOR = "AUDITOR"


class TeamRole(StrEnum):
    """What a member is in one team, and so in its environments."""

    VIEWER = "VIEWER"
    EDITOR = "EDITOR"
    DEPLOYER = "DEPLOYER"
    ADMIN = "ADMIN"


class OrganizationState(StrEnum):
    """Whether anything may be changed: a suspended organisation, and one that is to be deleted, can only be read."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LEAVING = "leaving"


class TeamRef(msgspec.Struct, frozen=True):
    """A team as other things name it."""

    id: UUID
    slug: str
    name: str


class EnvironmentInfo(msgspec.Struct, frozen=True):
    """An environment with its team; `team_role` is what the asking account is in that team."""

    id: UUID
    slug: str
    name: str
    position: int
    team: TeamRef
    team_role: TeamRole | None


class Access(msgspec.Struct, frozen=True):
    """What an account may do in an organisation, or in one of its environments where that is set."""

    account_id: UUID
    organization_id: UUID
    organization_slug: str
    organization_name: str
    role: OrganizationRole
    permissions: frozenset[Permission]
    environment: EnvironmentInfo | None = None
    state: OrganizationState = OrganizationState.ACTIVE
    suspended_reason: str | None = None
    deletion_due_at: datetime | None = None

    def may(self, permission: Permission) -> bool:
        """Tell whether the account has a permission here."""
        return permission in self.permissions

    @property
    def environment_id(self) -> UUID:
        """The environment that the address names. Raises `EnvironmentNotFoundError` where it names none."""
        if self.environment is None:
            raise EnvironmentNotFoundError
        return self.environment.id


class MemberInfo(msgspec.Struct, frozen=True):
    """A member of an organisation."""

    account_id: UUID
    email: str
    name: str
    role: OrganizationRole


class MembershipRow(msgspec.Struct, frozen=True):
    """An account's membership, with the organisation's names."""

    slug: str
    name: str
    role: OrganizationRole
    suspended_at: datetime | None = None
    suspended_reason: str | None = None
    deletion_due_at: datetime | None = None

    @property
    def state(self) -> OrganizationState:
        """The organisation's state; a suspension outranks a deletion."""
        if self.suspended_at is not None:
            return OrganizationState.SUSPENDED
        return OrganizationState.LEAVING if self.deletion_due_at is not None else OrganizationState.ACTIVE
