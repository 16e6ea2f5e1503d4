"""The SQL of folders, tags and saved filters."""

from collections.abc import Sequence
from uuid import UUID

from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.filing.types import Filed, FiledCount, SavedFilter
from vectorflow.platform.database import Transaction


async def filed_lock(txn: Transaction, environment_id: UUID, pipeline_ids: Sequence[UUID]) -> list[Filed]:
    """Return where pipelines are filed, holding their rows until the transaction ends."""
    return await txn.rows(
        Filed,
        """select id, name, folder, tags from pipelines
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and id = any(%(ids)s) and deleted_at is null
        order by id for update""",
        {"environment_id": environment_id, "ids": list(pipeline_ids)},
    )


async def filed_update(txn: Transaction, pipeline_id: UUID, folder: str, tags: Sequence[str]) -> None:
    """File a pipeline. Its draft stays the version it is."""
    await txn.execute(
        """update pipelines set folder = %(folder)s, tags = %(tags)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": pipeline_id, "folder": folder, "tags": list(tags)},
    )


async def folder_counts(txn: Transaction, environment_id: UUID) -> list[FiledCount]:
    """Return the folders of an environment, with how many pipelines are right in each."""
    return await txn.rows(
        FiledCount,
        """select folder as name, count(*)::integer as pipelines from pipelines
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and deleted_at is null and folder <> ''
        group by folder order by folder limit 1000""",
        {"environment_id": environment_id},
    )


async def tag_counts(txn: Transaction, environment_id: UUID) -> list[FiledCount]:
    """Return the tags of an environment, with how many pipelines have each."""
    return await txn.rows(
        FiledCount,
        """select tag as name, count(*)::integer as pipelines from pipelines cross join lateral unnest(tags) as tag
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and deleted_at is null
        group by tag order by tag limit 1000""",
        {"environment_id": environment_id},
    )


async def filter_list(txn: Transaction, environment_id: UUID, account_id: UUID) -> list[SavedFilter]:
    """Return what a person has saved, by name."""
    return await txn.rows(
        SavedFilter,
        """select id, name, search from saved_filters
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and account_id = %(account_id)s
        order by name limit 100""",
        {"environment_id": environment_id, "account_id": account_id},
    )


async def filter_put(
    txn: Transaction, environment_id: UUID, account_id: UUID, name: str, search: str
) -> SavedFilter:
    """Save a filter over one of the same name."""
    found = await txn.row(
        SavedFilter,
        """insert into saved_filters (organization_id, id, environment_id, account_id, name, search)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(account_id)s, %(name)s, %(search)s)
        on conflict (organization_id, environment_id, account_id, name) do update set search = excluded.search
        returning id, name, search""",
        {
            "id": new_id(),
            "environment_id": environment_id,
            "account_id": account_id,
            "name": name,
            "search": search,
        },
    )
    if found is None:
        message = "a filter that was put was not returned"
        raise RuntimeError(message)
    return found


async def filter_delete(txn: Transaction, environment_id: UUID, account_id: UUID, filter_id: UUID) -> bool:
    """Forget a filter of a person; whether there was one."""
    return bool(
        await txn.execute(
            """delete from saved_filters
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s
              and account_id = %(account_id)s and id = %(id)s""",
            {"environment_id": environment_id, "account_id": account_id, "id": filter_id},
        )
    )
