"""Tenancy's only SQL."""

from uuid import UUID

import msgspec

from vectorflow.platform.database import Transaction
from vectorflow.tenancy.types import (
    EnvironmentInfo,
    MemberInfo,
    MembershipRow,
    OrganizationRole,
    TeamRef,
    TeamRole,
)


class _EnvironmentRow(msgspec.Struct):
    id: UUID
    slug: str
    name: str
    position: int
    team_id: UUID
    team_slug: str
    team_name: str
    team_role: TeamRole | None

    def info(self) -> EnvironmentInfo:
        team = TeamRef(self.team_id, self.team_slug, self.team_name)
        return EnvironmentInfo(self.id, self.slug, self.name, self.position, team, self.team_role)


async def organization_id_by_slug(txn: Transaction, slug: str) -> UUID | None:
    """Return the organisation a slug was issued to; works without a scope."""
    found = await txn.value("select vf.organization_by_slug(%(slug)s)", {"slug": slug})
    return found if isinstance(found, UUID) else None


async def membership_get(txn: Transaction, account_id: UUID) -> MembershipRow | None:
    """Return an account's membership of the transaction's organisation."""
    return await txn.row(
        MembershipRow,
        """select o.slug, o.name, m.role, o.suspended_at, o.suspended_reason, o.deletion_due_at
           from organizations o
           join memberships m on m.organization_id = o.id
           where o.id = %(organization_id)s and m.account_id = %(account_id)s""",
        {"account_id": account_id},
    )


async def environment_get(txn: Transaction, slug: str, account_id: UUID) -> EnvironmentInfo | None:
    """Return an environment by its slug, with the account's role in its team."""
    row = await txn.row(
        _EnvironmentRow,
        """select e.id, e.slug, e.name, e.position, t.id as team_id, t.slug as team_slug, t.name as team_name,
                  tm.role as team_role
           from environments e
           join teams t on t.organization_id = e.organization_id and t.id = e.team_id
           left join team_memberships tm on tm.organization_id = e.organization_id and tm.team_id = e.team_id
                and tm.account_id = %(account_id)s
           where e.organization_id = %(organization_id)s and e.slug = %(slug)s and e.archived_at is null""",
        {"slug": slug, "account_id": account_id},
    )
    return row.info() if row else None


async def environment_list(
    txn: Transaction,
    account_id: UUID,
    *,
    all_teams: bool,
    after: tuple[int, str] | None,
    limit: int,
    text: str | None,
) -> list[EnvironmentInfo]:
    """Return environments in promotion order: all of them, or only those of the account's teams."""
    rows = await txn.rows(
        _EnvironmentRow,
        """select e.id, e.slug, e.name, e.position, t.id as team_id, t.slug as team_slug, t.name as team_name,
                  tm.role as team_role
           from environments e
           join teams t on t.organization_id = e.organization_id and t.id = e.team_id
           left join team_memberships tm on tm.organization_id = e.organization_id and tm.team_id = e.team_id
                and tm.account_id = %(account_id)s
           where e.organization_id = %(organization_id)s and e.archived_at is null
             and (%(all_teams)s or tm.account_id is not null)
             and (%(after_position)s::integer is null
                  or (e.position, e.slug) > (%(after_position)s::integer, %(after_slug)s::text))
             and (%(text)s::text is null or strpos(lower(e.slug || ' ' || e.name), %(text)s) > 0)
           order by e.position, e.slug limit %(limit)s""",
        {
            "account_id": account_id,
            "all_teams": all_teams,
            "after_position": after[0] if after else None,
            "after_slug": after[1] if after else None,
            "limit": limit,
            "text": text.lower() if text else None,
        },
    )
    return [row.info() for row in rows]


async def member_list(
    txn: Transaction, *, after: tuple[str, UUID] | None, limit: int, text: str | None
) -> list[MemberInfo]:
    """Return members by e-mail address."""
    return await txn.rows(
        MemberInfo,
        """select m.account_id, a.email, a.name, m.role
           from memberships m join vf.member_accounts() a on a.id = m.account_id
           where m.organization_id = %(organization_id)s
             and (%(after_email)s::text is null or (a.email, a.id) > (%(after_email)s::text, %(after_id)s::uuid))
             and (%(text)s::text is null or strpos(lower(a.email || ' ' || a.name), %(text)s) > 0)
           order by a.email, a.id limit %(limit)s""",
        {
            "after_email": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
            "text": text.lower() if text else None,
        },
    )


async def organization_insert(txn: Transaction, slug: str, name: str) -> None:
    """Insert the transaction's organisation and claim its slug for ever."""
    await txn.execute(
        "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, %(name)s)",
        {"slug": slug, "name": name},
    )
    await txn.execute("select vf.slug_claim(%(slug)s)", {"slug": slug})


async def membership_put(txn: Transaction, account_id: UUID, role: OrganizationRole) -> None:
    """Make an account a member, or change what it is."""
    await txn.execute(
        """insert into memberships (organization_id, account_id, role)
           values (%(organization_id)s, %(account_id)s, %(role)s)
           on conflict (organization_id, account_id) do update set role = excluded.role
           where memberships.organization_id = %(organization_id)s""",
        {"account_id": account_id, "role": role},
    )


async def team_insert(txn: Transaction, team: TeamRef) -> None:
    """Insert a team."""
    await txn.execute(
        """insert into teams (organization_id, id, slug, name)
           values (%(organization_id)s, %(id)s, %(slug)s, %(name)s)""",
        {"id": team.id, "slug": team.slug, "name": team.name},
    )


async def team_get(txn: Transaction, slug: str) -> TeamRef | None:
    """Return a team by its slug."""
    return await txn.row(
        TeamRef,
        "select id, slug, name from teams where organization_id = %(organization_id)s and slug = %(slug)s",
        {"slug": slug},
    )


async def team_membership_put(txn: Transaction, team_id: UUID, account_id: UUID, role: TeamRole) -> None:
    """Put a member into a team, or change what it is there."""
    await txn.execute(
        """insert into team_memberships (organization_id, team_id, account_id, role)
           values (%(organization_id)s, %(team_id)s, %(account_id)s, %(role)s)
           on conflict (organization_id, team_id, account_id) do update set role = excluded.role
           where team_memberships.organization_id = %(organization_id)s""",
        {"team_id": team_id, "account_id": account_id, "role": role},
    )


async def environment_insert(
    txn: Transaction, environment_id: UUID, team_id: UUID, *, slug: str, name: str, position: int
) -> None:
    """Insert an environment."""
    await txn.execute(
        """insert into environments (organization_id, id, team_id, slug, name, position)
           values (%(organization_id)s, %(id)s, %(team_id)s, %(slug)s, %(name)s, %(position)s)""",
        {"id": environment_id, "team_id": team_id, "slug": slug, "name": name, "position": position},
    )
