"""The SQL of which engines nodes have."""

from collections.abc import Mapping
from uuid import UUID

from vectorflow.pipelines.types import EngineInUse
from vectorflow.platform.database import Transaction
from vectorflow.platform.logs import clean_text
from vectorflow_wire.messages import EngineFacts


async def node_engines_set(txn: Transaction, engines: Mapping[UUID, EngineFacts]) -> None:
    """Write down the engines of nodes where another one is written."""
    await txn.execute(
        """with changed as (
            select n.id, e.kind, e.version, e.digest
            from unnest(%(ids)s::uuid[], %(kinds)s::text[], %(versions)s::text[], %(digests)s::text[])
                as e (id, kind, version, digest)
            join nodes n on n.id = e.id
            where n.organization_id = %(organization_id)s
              and (n.engine_kind, n.engine_version, n.engine_digest) is distinct from (e.kind, e.version, e.digest)
            order by n.id for no key update of n)
        update nodes n set engine_kind = c.kind, engine_version = c.version, engine_digest = c.digest
        from changed c where n.organization_id = %(organization_id)s and n.id = c.id""",
        {
            "ids": list(engines),
            "kinds": [clean_text(each.kind)[:40] for each in engines.values()],
            "versions": [clean_text(each.version)[:100] for each in engines.values()],
            "digests": [clean_text(each.digest)[:100] for each in engines.values()],
        },
    )


async def engine_list(txn: Transaction, environment_id: UUID) -> list[EngineInUse]:
    """Return the distinct engines of an environment's nodes, the most frequent first."""
    return await txn.rows(
        EngineInUse,
        """select engine_kind as kind, engine_version as version, engine_digest as digest, count(*) as nodes
        from nodes
        where organization_id = %(organization_id)s and environment_id = %(environment_id)s
          and revoked_at is null and engine_version <> ''
        group by engine_kind, engine_version, engine_digest
        order by count(*) desc, engine_version, engine_digest limit 32""",
        {"environment_id": environment_id},
    )
