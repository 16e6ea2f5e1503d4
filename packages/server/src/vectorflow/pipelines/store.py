"""The SQL of pipelines and revisions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.ids import new_id
from vectorflow.pipelines.types import PipelineRow, PlainDocument, RevisionRow
from vectorflow.platform.database import Transaction
from vectorflow_topology.catalogue import Resource
from vectorflow_topology.surroundings import RefKind


class DocumentRow(msgspec.Struct, frozen=True):
    """A stored document."""

    document: PlainDocument


class ContentRow(msgspec.Struct, frozen=True):
    """A revision's content."""

    yaml: bytes
    document: PlainDocument
    surroundings: dict[str, Any]


class NamedReference(msgspec.Struct, frozen=True):
    """Something that revisions refer to."""

    kind: RefKind
    name: str


class TakenRow(msgspec.Struct, frozen=True):
    """What a component of a revision takes of a node for itself."""

    pipeline_id: UUID
    pipeline: str
    number: int
    component: str
    protocol: str
    host: str
    port: int


class DraftColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What saving a draft writes."""

    name: str
    description: str
    document: PlainDocument
    document_hash: bytes
    component_count: int


class RevisionColumns(msgspec.Struct, frozen=True, kw_only=True):
    """What making a revision writes."""

    id: UUID
    pipeline_id: UUID
    number: int
    sha256: bytes
    yaml: bytes
    document: PlainDocument
    document_hash: bytes
    component_count: int
    secrets: tuple[str, ...]
    files: tuple[str, ...]
    stores: tuple[str, ...]
    surroundings: dict[str, Any]
    target: str
    message: str


async def pipeline_list(
    txn: Transaction,
    environment_id: UUID,
    *,
    after: tuple[str, UUID] | None,
    limit: int,
    text: str | None,
    folder: str | None = None,
    tags: Sequence[str] = (),
) -> list[PipelineRow]:
    """Return pipelines by name, from after the one given; `text` must stand in name or description.

    `folder` is one of them or what it is in; all `tags` must be there.
    """
    return await txn.rows(
        PipelineRow,
        """select id, environment_id, name, description, component_count, draft_version, document_hash,
               latest_revision, revised_hash, updated_at, updated_by, folder, tags, lower(name) as sort_name
        from pipelines
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and deleted_at is null
          and (%(after_name)s::text is null or (lower(name), id) > (%(after_name)s, %(after_id)s::uuid))
          and (%(text)s::text is null or strpos(lower(name), lower(%(text)s)) > 0
               or strpos(lower(description), lower(%(text)s)) > 0)
          and (%(folder)s::text is null or folder = %(folder)s or starts_with(folder, %(folder)s || '/'))
          and tags @> %(tags)s::text[]
        order by lower(name), id limit %(limit)s""",
        {
            "folder": folder,
            "tags": list(tags),
            "environment_id": environment_id,
            "after_name": after[0] if after else None,
            "after_id": after[1] if after else None,
            "limit": limit,
            "text": text,
        },
    )


async def pipeline_get(txn: Transaction, environment_id: UUID, pipeline_id: UUID) -> PipelineRow | None:
    """Return a pipeline of an environment."""
    return await txn.row(
        PipelineRow,
        """select id, environment_id, name, description, component_count, draft_version, document_hash,
               latest_revision, revised_hash, updated_at, updated_by, folder, tags, lower(name) as sort_name
        from pipelines
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and id = %(id)s and deleted_at is null""",
        {"environment_id": environment_id, "id": pipeline_id},
    )


async def pipeline_lock(txn: Transaction, pipeline_id: UUID) -> PipelineRow | None:
    """Return a pipeline, holding its row until the transaction ends."""
    return await txn.row(
        PipelineRow,
        """select id, environment_id, name, description, component_count, draft_version, document_hash,
               latest_revision, revised_hash, updated_at, updated_by, folder, tags, lower(name) as sort_name
        from pipelines
        where organization_id = %(organization_id)s and id = %(id)s and deleted_at is null
        for update""",
        {"id": pipeline_id},
    )


async def pipeline_document(txn: Transaction, pipeline_id: UUID) -> PlainDocument | None:
    """Return a pipeline's draft."""
    row = await txn.row(
        DocumentRow,
        """select document from pipelines
        where organization_id = %(organization_id)s and id = %(id)s and deleted_at is null""",
        {"id": pipeline_id},
    )
    return row.document if row else None


async def pipeline_insert(
    txn: Transaction, environment_id: UUID, pipeline_id: UUID, draft: DraftColumns, actor: Actor
) -> PipelineRow | None:
    """Store a new pipeline; None when its name is taken."""
    return await txn.row(
        PipelineRow,
        """insert into pipelines (organization_id, id, environment_id, name, description, document, document_hash,
                                  component_count, updated_by, updated_by_id)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(name)s, %(description)s, %(document)s,
                %(document_hash)s, %(component_count)s, %(actor)s, %(actor_id)s)
        on conflict (organization_id, environment_id, lower(name)) where deleted_at is null do nothing
        returning id, environment_id, name, description, component_count, draft_version, document_hash,
                  latest_revision, revised_hash, updated_at, updated_by, folder, tags, lower(name) as sort_name""",
        {"id": pipeline_id, "environment_id": environment_id, **_draft(draft, actor)},
    )


async def pipeline_name_taken(txn: Transaction, environment_id: UUID, name: str, other_than: UUID) -> bool:
    """Tell whether another pipeline of the environment has this name."""
    return bool(
        await txn.value(
            """select exists (select 1 from pipelines
            where organization_id = %(organization_id)s and environment_id = %(environment_id)s
              and lower(name) = lower(%(name)s) and id <> %(id)s and deleted_at is null)""",
            {"environment_id": environment_id, "name": name, "id": other_than},
        )
    )


async def pipeline_update(
    txn: Transaction, pipeline_id: UUID, draft: DraftColumns, actor: Actor
) -> PipelineRow | None:
    """Store a new draft as the next draft version."""
    return await txn.row(
        PipelineRow,
        """update pipelines set name = %(name)s, description = %(description)s, document = %(document)s,
            document_hash = %(document_hash)s, component_count = %(component_count)s,
            draft_version = draft_version + 1, updated_at = now(), updated_by = %(actor)s,
            updated_by_id = %(actor_id)s
        where organization_id = %(organization_id)s and id = %(id)s and deleted_at is null
        returning id, environment_id, name, description, component_count, draft_version, document_hash,
                  latest_revision, revised_hash, updated_at, updated_by, folder, tags, lower(name) as sort_name""",
        {"id": pipeline_id, **_draft(draft, actor)},
    )


async def pipeline_revised(txn: Transaction, pipeline_id: UUID, number: int, document_hash: bytes) -> None:
    """Note which revision stands for which document."""
    await txn.execute(
        """update pipelines set latest_revision = %(number)s, revised_hash = %(document_hash)s
        where organization_id = %(organization_id)s and id = %(id)s""",
        {"id": pipeline_id, "number": number, "document_hash": document_hash},
    )


async def pipeline_delete(txn: Transaction, pipeline_id: UUID) -> None:
    """Take a pipeline out of every list; its revisions stay for the record."""
    await txn.execute(
        """update pipelines set deleted_at = now()
        where organization_id = %(organization_id)s and id = %(id)s and deleted_at is null""",
        {"id": pipeline_id},
    )


async def revision_list(
    txn: Transaction, pipeline_id: UUID, *, before: int | None, limit: int, text: str | None
) -> list[RevisionRow]:
    """Return revisions, newest first, from before the number given; `text` must stand in the message."""
    return await txn.rows(
        RevisionRow,
        """select id, pipeline_id, number, sha256, message, created_at, created_by, component_count, secrets, target
        from revisions
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s
          and (%(before)s::integer is null or number < %(before)s)
          and (%(text)s::text is null or strpos(lower(message), lower(%(text)s)) > 0)
        order by number desc limit %(limit)s""",
        {"pipeline_id": pipeline_id, "before": before, "limit": limit, "text": text},
    )


async def revision_get(txn: Transaction, pipeline_id: UUID, number: int) -> RevisionRow | None:
    """Return one revision without its content."""
    return await txn.row(
        RevisionRow,
        """select id, pipeline_id, number, sha256, message, created_at, created_by, component_count, secrets, target
        from revisions
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s and number = %(number)s""",
        {"pipeline_id": pipeline_id, "number": number},
    )


async def revision_content(txn: Transaction, pipeline_id: UUID, number: int) -> ContentRow | None:
    """Return one revision's compiled configuration and document."""
    return await txn.row(
        ContentRow,
        """select yaml, document, surroundings from revisions
        where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s and number = %(number)s""",
        {"pipeline_id": pipeline_id, "number": number},
    )


async def revision_yaml(txn: Transaction, sha256: bytes) -> bytes | None:
    """Return a compiled configuration by its hash."""
    found = await txn.value(
        "select yaml from revisions where organization_id = %(organization_id)s and sha256 = %(sha256)s limit 1",
        {"sha256": sha256},
    )
    return None if found is None else bytes(found)


async def revision_references(txn: Transaction, pipeline_id: UUID) -> list[NamedReference]:
    """Return everything that any revision of a pipeline refers to by name."""
    return await txn.rows(
        NamedReference,
        """with mine as (select secrets, surroundings from revisions
            where organization_id = %(organization_id)s and pipeline_id = %(pipeline_id)s)
        select 'secret' as kind, name from mine cross join unnest(secrets) as name where strpos(name, '.') = 0
        union select 'secret', name from mine cross join json_object_keys(surroundings -> 'outside') as name
        union select 'variable', name from mine cross join json_object_keys(surroundings -> 'variables') as name
        union select 'certificate', name from mine cross join json_object_keys(surroundings -> 'certificates') as name
        union select 'file', name from mine cross join json_object_keys(surroundings -> 'files') as name""",
        {"pipeline_id": pipeline_id},
    )


async def revision_files(txn: Transaction) -> list[str]:
    """Return the digests of all files that any revision refers to."""
    found: Sequence[str] | None = await txn.value(
        """select array_agg(distinct file) from revisions cross join unnest(files) as file
        where organization_id = %(organization_id)s"""
    )
    return list(found or ())


async def revision_insert(txn: Transaction, revision: RevisionColumns, actor: Actor) -> RevisionRow | None:
    """Store a new revision."""
    return await txn.row(
        RevisionRow,
        """insert into revisions (organization_id, id, pipeline_id, number, sha256, yaml, document, document_hash,
                                  component_count, secrets, files, stores, surroundings, target, message, created_by,
                                  created_by_id)
        values (%(organization_id)s, %(id)s, %(pipeline_id)s, %(number)s, %(sha256)s, %(yaml)s, %(document)s,
                %(document_hash)s, %(component_count)s, %(secrets)s::text[], %(files)s::text[], %(stores)s::text[],
                %(surroundings)s, %(target)s, %(message)s, %(actor)s, %(actor_id)s)
        returning id, pipeline_id, number, sha256, message, created_at, created_by, component_count, secrets, target""",
        {
            **msgspec.structs.asdict(revision),
            "document": Json(revision.document),
            "secrets": list(revision.secrets),
            "files": list(revision.files),
            "stores": list(revision.stores),
            "surroundings": Json(revision.surroundings),
            "actor": actor.name,
            "actor_id": actor.account_id,
        },
    )


async def resource_insert(
    txn: Transaction,
    environment_id: UUID,
    pipeline_id: UUID,
    number: int,
    resources: Sequence[tuple[str, Resource]],
) -> None:
    """Store what a revision's components take of a node for themselves."""
    await txn.execute_many(
        """insert into revision_resources (organization_id, id, environment_id, pipeline_id, number, component,
            protocol, host, port)
        values (%(organization_id)s, %(id)s, %(environment_id)s, %(pipeline_id)s, %(number)s, %(component)s,
            %(protocol)s, %(host)s, %(port)s)""",
        [
            {
                "id": new_id(),
                "environment_id": environment_id,
                "pipeline_id": pipeline_id,
                "number": number,
                "component": component,
                "protocol": each.protocol,
                "host": each.host[:1000],
                "port": each.port,
            }
            for component, each in resources
        ],
    )


async def resource_list(
    txn: Transaction, environment_id: UUID, wanted: Sequence[tuple[str, int]], *, but: UUID
) -> list[TakenRow]:
    """Return who else takes one of the (protocol, port) wanted, in any revision of the environment."""
    return await txn.rows(
        TakenRow,
        """select r.pipeline_id, p.name as pipeline, r.number, r.component, r.protocol, r.host, r.port
        from revision_resources r
        join pipelines p on p.organization_id = r.organization_id and p.id = r.pipeline_id
        join unnest(%(protocols)s::text[], %(ports)s::integer[]) as w (protocol, port)
            on w.protocol = r.protocol and w.port = r.port
        where r.organization_id = %(organization_id)s and r.environment_id = %(environment_id)s
          and r.pipeline_id <> %(but)s and p.deleted_at is null
        order by p.name, r.pipeline_id, r.component""",
        {
            "environment_id": environment_id,
            "protocols": [protocol for protocol, _ in wanted],
            "ports": [port for _, port in wanted],
            "but": but,
        },
    )


def _draft(draft: DraftColumns, actor: Actor) -> dict[str, object]:
    return {
        **msgspec.structs.asdict(draft),
        "document": Json(draft.document),
        "actor": actor.name,
        "actor_id": actor.account_id,
    }
