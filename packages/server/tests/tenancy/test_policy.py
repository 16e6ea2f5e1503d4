"""The policy table says what the promises say."""

import pytest

from vectorflow.kernel.permissions import Permission
from vectorflow.tenancy.policy import (
    ORGANIZATION_POLICY,
    TEAM_POLICY,
    environment_permissions,
    organization_permissions,
    policy_rows,
)
from vectorflow.tenancy.types import OrganizationRole, TeamRole

WRITES = {each for each in Permission if each.value.rpartition(".")[2] not in ("read", "own")}


def test_every_role_is_in_the_table() -> None:
    assert set(ORGANIZATION_POLICY) == set(OrganizationRole)
    assert set(TEAM_POLICY) == set(TeamRole)


def test_deploying_is_not_editing() -> None:
    editor, deployer = TEAM_POLICY[TeamRole.EDITOR], TEAM_POLICY[TeamRole.DEPLOYER]
    assert Permission.PIPELINE_EDIT in editor - deployer
    assert {Permission.PIPELINE_DEPLOY, Permission.ROLLOUT_CONTROL} <= deployer - editor
    assert editor | deployer <= TEAM_POLICY[TeamRole.ADMIN]


def test_viewers_auditors_and_members_change_nothing() -> None:
    for held in (
        TEAM_POLICY[TeamRole.VIEWER],
        organization_permissions(OrganizationRole.AUDITOR),
        organization_permissions(OrganizationRole.MEMBER),
    ):
        assert not held & WRITES


def test_nobody_of_a_team_reads_the_log_or_manages_the_organisation() -> None:
    far = {
        Permission.AUDIT_READ,
        Permission.MEMBER_MANAGE,
        Permission.TEAM_MANAGE,
        Permission.ORGANIZATION_MANAGE,
    }
    for held in TEAM_POLICY.values():
        assert not held & far


@pytest.mark.parametrize("role", OrganizationRole)
@pytest.mark.parametrize("team_role", [None, *TeamRole])
def test_an_environment_adds_and_never_takes(role, team_role) -> None:
    both = environment_permissions(role, team_role)
    assert both >= organization_permissions(role)
    assert both == organization_permissions(role) | (TEAM_POLICY[team_role] if team_role else frozenset())


def test_the_table_prints_every_permission() -> None:
    rows = list(policy_rows())
    assert len(rows) == len(Permission)  # all but session.own, and the heading
    assert {len(row) for row in rows} == {9}
