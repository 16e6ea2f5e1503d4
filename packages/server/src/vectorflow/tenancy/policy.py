"""The one table of who may do what. Everything else asks it.

A role in the organisation counts in all its environments; a role in a team in that team's environments.
What an account may do in an environment is the union of both.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from vectorflow.kernel.permissions import Permission
from vectorflow.tenancy.types import OrganizationRole, TeamRole

_EVERYTHING: Final = frozenset(Permission) - {Permission.SESSION_OWN}

_OWNERS_ALONE: Final = frozenset(
    {Permission.KEYS_MANAGE, Permission.ORGANIZATION_EXPORT, Permission.ORGANIZATION_DELETE}
)

_MEMBER: Final = frozenset({Permission.ORGANIZATION_READ, Permission.MEMBER_READ})

_VIEW: Final = frozenset(
    {
        Permission.ENVIRONMENT_READ,
        Permission.PIPELINE_READ,
        Permission.REVISION_READ,
        Permission.ROLLOUT_READ,
        Permission.NODE_READ,
        Permission.SECRET_READ,
        Permission.VARIABLE_READ,
        Permission.CERTIFICATE_READ,
        Permission.LOOKUP_FILE_READ,
        Permission.TELEMETRY_READ,
        Permission.ALERT_READ,
    }
)
_EDIT: Final = _VIEW | {
    Permission.LOG_READ,
    Permission.PIPELINE_EDIT,
    Permission.LIBRARY_EDIT,
    Permission.SECRET_USE,
    Permission.VARIABLE_WRITE,
    Permission.LOOKUP_FILE_WRITE,
    Permission.TAP_USE,
}
_DEPLOY: Final = _VIEW | {
    Permission.LOG_READ,
    Permission.PIPELINE_DEPLOY,
    Permission.ROLLOUT_CONTROL,
    Permission.SECRET_USE,
    Permission.NODE_RESTART,
    Permission.MAINTENANCE_MANAGE,
}
_RUN_TEAM: Final = {
    Permission.NODE_MANAGE,
    Permission.NODE_ADMIT,
    Permission.NODE_UPDATE,
    Permission.NODE_LABEL,
    Permission.NODE_DECOMMISSION,
    Permission.GROUP_MANAGE,
    Permission.ENROLMENT_MANAGE,
    Permission.SECRET_WRITE,
    Permission.CERTIFICATE_WRITE,
    Permission.ALERT_MANAGE,
    Permission.ENVIRONMENT_MANAGE,
}

ORGANIZATION_POLICY: Final[Mapping[OrganizationRole, frozenset[Permission]]] = MappingProxyType(
    {
        OrganizationRole.OWNER: _EVERYTHING,
        OrganizationRole.ADMIN: _EVERYTHING - _OWNERS_ALONE,
        OrganizationRole.MEMBER: _MEMBER,
        OrganizationRole.AUDITOR: _MEMBER | _VIEW | {Permission.AUDIT_READ, Permission.KEYS_READ},
    }
)

TEAM_POLICY: Final[Mapping[TeamRole, frozenset[Permission]]] = MappingProxyType(
    {
        TeamRole.VIEWER: _VIEW,
        TeamRole.EDITOR: _EDIT,
        TeamRole.DEPLOYER: _DEPLOY,
        TeamRole.ADMIN: _EDIT | _DEPLOY | _RUN_TEAM,
    }
)


def organization_permissions(role: OrganizationRole) -> frozenset[Permission]:
    """Return what a role may do in the organisation itself."""
    return ORGANIZATION_POLICY[role]


def environment_permissions(role: OrganizationRole, team_role: TeamRole | None) -> frozenset[Permission]:
    """Return what an account may do in an environment, by its role in the organisation and in the owning team."""
    in_team = TEAM_POLICY[team_role] if team_role is not None else frozenset()
    return ORGANIZATION_POLICY[role] | in_team


def policy_rows() -> Iterator[tuple[str, ...]]:
    """Yield the table as rows of text, first the heading, for the documentation and the tests."""
    yield ("permission", *OrganizationRole, *(f"team {role}" for role in TeamRole))
    for permission in Permission:
        if permission in _EVERYTHING:
            held = [permission in ORGANIZATION_POLICY[role] for role in OrganizationRole]
            held += [permission in TEAM_POLICY[role] for role in TeamRole]
            yield (permission, *("yes" if each else "–" for each in held))
