"""The SQL of bundles and sealed secrets. Only the role signer writes here."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec

from vectorflow.platform.database import Transaction


class DueNode(msgspec.Struct, frozen=True):
    """A node whose bundle is missing, out of date or past its half life."""

    id: UUID
    environment_id: UUID
    sealing_key: bytes
    wanted: int
    generation: int
    issue: int
    pending: bool = False


class WantedPipeline(msgspec.Struct, frozen=True):
    """What a bundle says about a pipeline, the same for many nodes: `nodes` are places in the list asked about."""

    pipeline_id: UUID
    name: str
    number: int
    sha256: bytes
    size: int
    desired: str
    reason: str
    attempt: int
    secrets: list[str]
    files: list[str]
    stores: list[str]
    previous: int | None
    previous_sha256: bytes | None
    nodes: list[int] = []


class RevisionDocument(msgspec.Struct, frozen=True):
    """The document of a revision, which hand-overs are computed from."""

    pipeline_id: UUID
    number: int
    document: bytes
    surroundings: bytes


class SealedRow(msgspec.Struct, frozen=True):
    """A secret's version sealed to a node's key."""

    version_id: UUID
    node_id: UUID
    key_id: str
    sealed: str


class StoredBundle(msgspec.Struct, frozen=True, kw_only=True):
    """A signed bundle on its way into the database."""

    node_id: UUID
    generation: int
    issue: int
    envelope: bytes
    hashes: list[str]


class Validity(msgspec.Struct, frozen=True, kw_only=True):
    """When bundles that were signed together were made, and until when they are good."""

    issued_at: datetime
    half_life_at: datetime
    expires_at: datetime


class ServedBundle(msgspec.Struct, frozen=True):
    """A stored bundle as the gateway serves it."""

    node_id: UUID
    generation: int
    issue: int
    envelope: bytes
    hashes: list[str]


class BundleVersion(msgspec.Struct, frozen=True):
    """Which bundle a node has."""

    node_id: UUID
    generation: int
    issue: int


async def organizations_to_sign(txn: Transaction) -> list[UUID]:
    """Return the organisations that have work for the signer."""
    return await txn.rows_of_ids("select vf.organizations_to_sign() as id")


async def organizations_with_stores(txn: Transaction) -> list[UUID]:
    """Return the organisations whose outside stores the server asks."""
    return await txn.rows_of_ids("select vf.organizations_with_stores() as id")


async def organizations_for_keys(txn: Transaction) -> list[UUID]:
    """Return every organisation, for the signer's care of keys."""
    return await txn.rows_of_ids("select vf.organizations_for_keys() as id")


_DUE: Final[LiteralString] = """
    select n.id, n.environment_id, n.sealing_key, n.wanted, coalesce(b.generation, 0) as generation,
        coalesce(b.issue, 0) as issue, n.admission <> 'admitted' as pending
    from nodes n
    left join bundles b on b.organization_id = n.organization_id and b.node_id = n.id
    where n.organization_id = %(organization_id)s and n.revoked_at is null
      and (n.wanted > coalesce(b.generation, 0) or b.half_life_at < now())"""
_CHANGED_FIRST: Final[LiteralString] = " order by n.wanted <= coalesce(b.generation, 0), n.id limit %(limit)s"


async def due_list(txn: Transaction, limit: int) -> list[DueNode]:
    """Return nodes that need a bundle: changed ones first, then those past their half life.

    A secret that was replaced after the bundle was made counts as a change.
    """
    return await txn.rows(DueNode, _DUE + _CHANGED_FIRST, {"limit": limit})


async def due_of(txn: Transaction, node_ids: Collection[UUID], limit: int) -> list[DueNode]:
    """Return those of some nodes that need a bundle, as `due_list` does without looking at all others."""
    return await txn.rows(
        DueNode,
        _DUE + " and n.id = any(%(node_ids)s)" + _CHANGED_FIRST,
        {"node_ids": list(node_ids), "limit": limit},
    )


async def wanted_list(txn: Transaction, node_ids: Sequence[UUID]) -> list[WantedPipeline]:
    """Return the assignments of nodes with their revisions, by pipeline. Nodes not admitted have none.

    Node by node, whatever PostgreSQL knows of the tables' sizes: `offset 0` keeps it from joining in another order, and
    the array's own `select` from planning anew for each length.
    """
    return await txn.rows(
        WantedPipeline,
        """with same as (
            select a.organization_id, a.pipeline_id, a.revision, a.desired, a.reason, a.attempt, a.previous_revision,
                array_agg(w.place::integer - 1) as nodes
            from unnest((select %(node_ids)s::uuid[])) with ordinality as w (id, place)
            cross join lateral (
                select a.organization_id, a.pipeline_id, a.revision, a.desired, a.reason, a.attempt,
                    a.previous_revision
                from nodes n
                join assignments a on a.organization_id = n.organization_id and a.node_id = n.id
                where n.organization_id = %(organization_id)s and n.id = w.id and n.admission = 'admitted'
                offset 0) a
            group by 1, 2, 3, 4, 5, 6, 7)
        select a.pipeline_id, p.name, a.revision as number, r.sha256, length(r.yaml) as size,
            a.desired, a.reason, a.attempt, r.secrets, r.files, r.stores, a.previous_revision as previous,
            old.sha256 as previous_sha256, a.nodes
        from same a
        join pipelines p on p.organization_id = a.organization_id and p.id = a.pipeline_id
        join revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
            and r.number = a.revision
        left join revisions old on old.organization_id = a.organization_id and old.pipeline_id = a.pipeline_id
            and old.number = a.previous_revision
        order by a.pipeline_id""",
        {"node_ids": list(node_ids)},
    )


async def revision_documents(txn: Transaction, wanted: Sequence[tuple[UUID, int]]) -> list[RevisionDocument]:
    """Return the documents of revisions named by (pipeline, number)."""
    return await txn.rows(
        RevisionDocument,
        """select r.pipeline_id, r.number, convert_to(r.document::text, 'UTF8') as document,
            convert_to(r.surroundings::text, 'UTF8') as surroundings
        from revisions r
        join unnest(%(pipelines)s::uuid[], %(numbers)s::integer[]) as w (pipeline_id, number)
            on r.pipeline_id = w.pipeline_id and r.number = w.number
        where r.organization_id = %(organization_id)s""",
        {"pipelines": [each[0] for each in wanted], "numbers": [each[1] for each in wanted]},
    )


async def sealed_list(
    txn: Transaction, node_ids: Sequence[UUID], version_ids: Sequence[UUID]
) -> list[SealedRow]:
    """Return what is sealed already."""
    return await txn.rows(
        SealedRow,
        """select version_id, node_id, key_id, sealed from sealed_secrets
        where organization_id = %(organization_id)s and node_id = any(%(node_ids)s)
          and version_id = any(%(version_ids)s)""",
        {"node_ids": list(node_ids), "version_ids": list(version_ids)},
    )


async def sealed_insert(txn: Transaction, rows: Sequence[SealedRow]) -> None:
    """Store newly sealed secrets; the same one again is left as it is."""
    await txn.execute(
        """insert into sealed_secrets (organization_id, version_id, node_id, key_id, sealed)
        select %(organization_id)s, * from unnest(%(versions)s::uuid[], %(nodes)s::uuid[], %(keys)s::text[],
            %(sealed)s::text[])
        on conflict do nothing""",
        {
            "versions": [row.version_id for row in rows],
            "nodes": [row.node_id for row in rows],
            "keys": [row.key_id for row in rows],
            "sealed": [row.sealed for row in rows],
        },
    )


async def bundle_put(
    txn: Transaction, bundles: Sequence[StoredBundle], validity: Validity
) -> list[BundleVersion]:
    """Store signed bundles, never over a newer one; return those that were stored."""
    return await txn.rows(
        BundleVersion,
        """insert into bundles as b (organization_id, node_id, generation, issue, envelope, hashes, issued_at,
            half_life_at, expires_at)
        select %(organization_id)s, node_id, generation, issue, envelope, string_to_array(hashes, ','),
            %(issued_at)s, %(half_life_at)s, %(expires_at)s
        from unnest(%(nodes)s::uuid[], %(generations)s::bigint[], %(issues)s::integer[], %(envelopes)b::bytea[],
            %(hashes)s::text[]) as u (node_id, generation, issue, envelope, hashes)
        on conflict (organization_id, node_id) do update set
            generation = excluded.generation, issue = excluded.issue, envelope = excluded.envelope,
            hashes = excluded.hashes, issued_at = excluded.issued_at, half_life_at = excluded.half_life_at,
            expires_at = excluded.expires_at
        where (b.generation, b.issue) < (excluded.generation, excluded.issue)
        returning node_id, generation, issue""",
        {
            "nodes": [each.node_id for each in bundles],
            "generations": [each.generation for each in bundles],
            "issues": [each.issue for each in bundles],
            "envelopes": [each.envelope for each in bundles],
            "hashes": [",".join(each.hashes) for each in bundles],
        }
        | msgspec.structs.asdict(validity),
    )


async def bundle_list(txn: Transaction, node_ids: Sequence[UUID]) -> list[ServedBundle]:
    """Return stored bundles to serve."""
    return await txn.rows(
        ServedBundle,
        """select b.node_id, b.generation, b.issue, b.envelope, b.hashes from bundles b
        where b.organization_id = %(organization_id)s and b.node_id = any(%(node_ids)s)""",
        {"node_ids": list(node_ids)},
        binary=True,
    )


async def bundle_versions(txn: Transaction, node_ids: Sequence[UUID]) -> list[BundleVersion]:
    """Return the versions of many nodes' bundles in one statement, without a scope and without content."""
    return await txn.rows(
        BundleVersion, "select * from vf.bundle_versions(%(node_ids)s)", {"node_ids": list(node_ids)}
    )


async def bundle_versions_changed(txn: Transaction, held: Sequence[BundleVersion]) -> list[BundleVersion]:
    """Return those of many nodes' bundles whose version is another than the one held."""
    return await txn.rows(
        BundleVersion,
        """select found.* from vf.bundle_versions(%(node_ids)s) as found
        join unnest(%(node_ids)s::uuid[], %(generations)s::bigint[], %(issues)s::integer[])
            as held (node_id, generation, issue) on held.node_id = found.node_id
        where (found.generation, found.issue) <> (held.generation, held.issue)""",
        {
            "node_ids": [each.node_id for each in held],
            "generations": [each.generation for each in held],
            "issues": [each.issue for each in held],
        },
    )


async def file_content(txn: Transaction, node_id: UUID, sha256: str) -> bytes | None:
    """Return a file by its hash, only when the node's present bundle names it."""
    found = await txn.value(
        """select r.yaml from bundles b
        join assignments a on a.organization_id = b.organization_id and a.node_id = b.node_id
        join revisions r on r.organization_id = a.organization_id and r.pipeline_id = a.pipeline_id
            and r.sha256 = decode(%(sha256)s, 'hex')
        where b.organization_id = %(organization_id)s and b.node_id = %(node_id)s
          and %(sha256)s = any(b.hashes) limit 1""",
        {"node_id": node_id, "sha256": sha256},
    )
    return bytes(found) if found is not None else None


async def file_part(txn: Transaction, node_id: UUID, sha256: str, position: int) -> bytes | None:
    """Return a piece of a certificate or lookup file, only when the node's present bundle names it."""
    found = await txn.value(
        """select p.content from bundles b
        join vault_file_parts p on p.organization_id = b.organization_id
            and p.sha256 = decode(%(sha256)s, 'hex') and p.position = %(position)s
        where b.organization_id = %(organization_id)s and b.node_id = %(node_id)s
          and %(sha256)s = any(b.hashes)""",
        {"node_id": node_id, "sha256": sha256, "position": position},
    )
    return bytes(found) if found is not None else None


async def file_size(txn: Transaction, node_id: UUID, sha256: str) -> int | None:
    """Return the size of a certificate or lookup file, only when the node's present bundle names it."""
    found = await txn.value(
        """select f.size from bundles b
        join vault_files f on f.organization_id = b.organization_id and f.sha256 = decode(%(sha256)s, 'hex')
        where b.organization_id = %(organization_id)s and b.node_id = %(node_id)s
          and %(sha256)s = any(b.hashes)""",
        {"node_id": node_id, "sha256": sha256},
    )
    return int(found) if found is not None else None


class DeployedName(msgspec.Struct, frozen=True):
    """A secret that nodes of an environment are to run with."""

    environment_id: UUID
    name: str


async def secret_names_deployed(txn: Transaction) -> list[DeployedName]:
    """Return the names of all secrets that nodes are to run with."""
    return await txn.rows(
        DeployedName,
        """select distinct n.environment_id, used.name from revisions r
        cross join unnest(r.secrets) as used (name)
        join assignments a on a.organization_id = r.organization_id and a.pipeline_id = r.pipeline_id
            and a.revision = r.number
        join nodes n on n.organization_id = a.organization_id and n.id = a.node_id
        where r.organization_id = %(organization_id)s and a.desired = 'run' and n.revoked_at is null
          and strpos(used.name, '.') = 0
        order by n.environment_id, used.name""",
    )
