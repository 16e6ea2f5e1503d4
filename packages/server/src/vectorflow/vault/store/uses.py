"""The SQL of uses, and of the places where secrets may go."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.kernel.actor import Actor
from vectorflow.platform.database import Transaction
from vectorflow.vault.types import (
    Approval,
    ApprovedHow,
    PipelineUses,
    Place,
    SecretUse,
    Stale,
    Waiting,
)


class NamedUse(msgspec.Struct, frozen=True):
    """One pipeline that uses one thing."""

    used: str
    pipeline_id: UUID
    name: str


async def use_list(txn: Transaction, environment_id: UUID, kind: str, names: Sequence[str]) -> list[NamedUse]:
    """Return which pipelines use these things of one kind."""
    return await txn.rows(
        NamedUse,
        """select name as used, pipeline_id, pipeline_name as name from vault_uses
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and kind = %(kind)s and name = any(%(names)s::text[])
        order by used, lower(pipeline_name), pipeline_id""",
        {"environment_id": environment_id, "kind": kind, "names": list(names)},
    )


async def use_replace(txn: Transaction, environment_id: UUID, uses: PipelineUses) -> None:
    """Write down everything a pipeline refers to, in place of what was written before.

    What had changed since the latest revision stays marked, unless a revision was just made.
    """
    stale = await txn.rows(
        Stale,
        """delete from vault_uses
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s
        returning kind, case when stale then name else '' end as name""",
        {"pipeline_id": uses.pipeline_id},
    )
    marked = set() if uses.revised else {(each.kind, each.name) for each in stale}
    every = sorted(uses.draft | uses.revisions)
    await txn.execute(
        """insert into vault_uses
          (organization_id, environment_id, kind, name, pipeline_id, pipeline_name, in_draft, in_revision, stale)
        select %(organization_id)s, %(environment_id)s, u.kind, u.name, %(pipeline_id)s, %(pipeline_name)s,
               u.in_draft, u.in_revision, u.stale
        from unnest(%(kinds)s::text[], %(names)s::text[], %(drafts)s::boolean[], %(revisions)s::boolean[],
            %(stale)s::boolean[]) as u (kind, name, in_draft, in_revision, stale)""",
        {
            "environment_id": environment_id,
            "pipeline_id": uses.pipeline_id,
            "pipeline_name": uses.pipeline_name,
            "kinds": [kind for kind, _ in every],
            "names": [name for _, name in every],
            "drafts": [each in uses.draft for each in every],
            "revisions": [each in uses.revisions for each in every],
            "stale": [each in marked and each in uses.revisions for each in every],
        },
    )


async def use_mark_stale(txn: Transaction, environment_id: UUID, kind: str, name: str) -> None:
    """Note that something changed, for the pipelines whose revisions refer to it."""
    await txn.execute(
        """update vault_uses set stale = true
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and kind = %(kind)s and name = %(name)s and in_revision""",
        {"environment_id": environment_id, "kind": kind, "name": name},
    )


class StaleRow(msgspec.Struct, frozen=True):
    """What changed for one pipeline."""

    pipeline_id: UUID
    kind: str
    name: str


async def use_stale_list(txn: Transaction, pipeline_ids: Sequence[UUID]) -> list[StaleRow]:
    """Return what changed since pipelines' latest revisions were made."""
    return await txn.rows(
        StaleRow,
        """select pipeline_id, kind, name from vault_uses
        where organization_id = %(organization_id)s and pipeline_id = any(%(pipelines)s) and stale
        order by pipeline_id, kind, name""",
        {"pipelines": list(pipeline_ids)},
    )


async def place_list(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[Approval]:
    """Return where secrets may go."""
    return await txn.rows(
        Approval,
        """select id, secret_name, component_type, option_path, destination, approved_how, approved_by, approved_at
        from secret_destinations
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and secret_name = any(%(names)s::text[])
        order by secret_name, approved_at, id""",
        {"environment_id": environment_id, "names": list(names)},
    )


async def place_insert(
    txn: Transaction, environment_id: UUID, place_id: UUID, place: Place, *, how: ApprovedHow, actor: Actor
) -> Approval | None:
    """Allow a place; None when it is allowed already."""
    return await txn.row(
        Approval,
        """insert into secret_destinations (organization_id, id, environment_id, secret_name, component_type,
            option_path, destination, approved_how, approved_by, approved_by_id)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(secret)s, %(component_type)s, %(option_path)s,
            %(destination)s, %(how)s, %(actor)s, %(actor_id)s)
        on conflict (organization_id, environment_id, secret_name, component_type, option_path, destination)
            do nothing
        returning id, secret_name, component_type, option_path, destination, approved_how, approved_by,
            approved_at""",
        {
            "id": place_id,
            "environment_id": environment_id,
            **msgspec.structs.asdict(place),
            "how": how,
            "actor": actor.name[:200],
            "actor_id": actor.account_id,
        },
    )


async def place_delete(txn: Transaction, environment_id: UUID, place_id: UUID) -> Approval | None:
    """Take an approval back; None when there is none."""
    return await txn.row(
        Approval,
        """delete from secret_destinations
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s and id = %(id)s
        returning id, secret_name, component_type, option_path, destination, approved_how, approved_by,
            approved_at""",
        {"environment_id": environment_id, "id": place_id},
    )


async def place_delete_of(txn: Transaction, environment_id: UUID, name: str) -> None:
    """Take every approval of a secret back: another one of its name begins anew."""
    await txn.execute(
        """delete from secret_destinations
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and secret_name = %(name)s""",
        {"environment_id": environment_id, "name": name},
    )


async def waiting_list(txn: Transaction, environment_id: UUID, names: Sequence[str]) -> list[Waiting]:
    """Return the places that drafts use and nobody approved."""
    return await txn.rows(
        Waiting,
        """select d.secret_name, d.component_type, d.option_path, d.destination, d.pipeline_id, d.pipeline_name,
            d.changed_by
        from secret_draft_uses d
        where d.organization_id = %(organization_id)s and d.environment_id = %(environment_id)s
          and d.secret_name = any(%(names)s::text[])
          and not exists (select 1 from secret_destinations a
            where a.organization_id = d.organization_id and a.environment_id = d.environment_id
              and (a.secret_name, a.component_type, a.option_path, a.destination)
                = (d.secret_name, d.component_type, d.option_path, d.destination))
        order by d.secret_name, d.changed_at, d.pipeline_id""",
        {"environment_id": environment_id, "names": list(names)},
    )


class DraftPlace(msgspec.Struct, frozen=True):
    """A place that a draft used before it was saved anew."""

    secret: str
    component_type: str
    option_path: str
    destination: str
    changed_by: list[UUID]


async def draft_place_take(txn: Transaction, pipeline_id: UUID) -> list[DraftPlace]:
    """Remove and return the places that a pipeline's draft used."""
    return await txn.rows(
        DraftPlace,
        """delete from secret_draft_uses
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s
        returning secret_name as secret, component_type, option_path, destination, changed_by""",
        {"pipeline_id": pipeline_id},
    )


async def draft_place_insert(
    txn: Transaction,
    environment_id: UUID,
    pipeline_id: UUID,
    place: Place,
    *,
    pipeline_name: str,
    changed_by: Sequence[UUID],
) -> None:
    """Note a place that a draft uses, with who had a hand in it."""
    await txn.execute(
        """insert into secret_draft_uses (organization_id, environment_id, pipeline_id, pipeline_name, secret_name,
            component_type, option_path, destination, changed_by)
        values (%(organization_id)s, %(environment_id)s, %(pipeline_id)s, %(pipeline_name)s, %(secret)s,
            %(component_type)s, %(option_path)s, %(destination)s, %(changed_by)s::uuid[])
        on conflict do nothing""",
        {
            "environment_id": environment_id,
            "pipeline_id": pipeline_id,
            "pipeline_name": pipeline_name,
            **msgspec.structs.asdict(place),
            "changed_by": list(changed_by),
        },
    )


def use_of(row: NamedUse) -> SecretUse:
    """Return the pipeline of a use."""
    return SecretUse(pipeline_id=row.pipeline_id, name=row.name)
