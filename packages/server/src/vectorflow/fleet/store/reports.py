"""The SQL of reports. A report is never changed; what says nothing any more is removed after some time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from psycopg.types.json import Json

from vectorflow.fleet.types import ReportRow, StoredReport
from vectorflow.platform.database import Transaction


class Expired(msgspec.Struct, frozen=True):
    """How many reports were removed, and up to which moment they were looked at; None when there was none to look at."""

    removed: int
    until: datetime | None


async def report_expire(txn: Transaction, *, days: int, after: datetime, limit: int) -> Expired:
    """Look at the next reports older than so many days, and remove those that say nothing any more (role worker)."""
    found = await txn.row(
        Expired,
        "select removed, until from vf.reports_expire(%(days)s, %(after)s, %(limit)s)",
        {"days": days, "after": after, "limit": limit},
    )
    return found or Expired(0, None)


async def report_insert(txn: Transaction, reports: Sequence[StoredReport]) -> list[ReportRow]:
    """Store reports; one that is or was stored already is left as it is. Returns those that are new.

    `shares_number` says that another report of the node, stored before, has the same number.
    """
    return await txn.rows(
        ReportRow,
        """insert into reports (organization_id, node_id, sequence, kind, pipeline_id, revision, number, generation,
            issue, reason, message, engine_output, at, envelope, statement_id, run)
        select %(organization_id)s, node_id, sequence, kind, pipeline_id, revision, number, generation, issue,
            reason, message,
            array(select json_array_elements_text(engine_output)), at, envelope, statement_id, run
        from unnest(%(nodes)s::uuid[], %(sequences)s::bigint[], %(kinds)s::text[], %(pipelines)s::uuid[],
            %(revisions)s::text[], %(numbers)s::integer[], %(generations)s::bigint[], %(issues)s::integer[],
            %(reasons)s::text[], %(messages)s::text[], %(outputs)s::json[], %(ats)s::timestamptz[],
            %(envelopes)s::bytea[], %(statements)s::uuid[], %(runs)s::text[])
            as u (node_id, sequence, kind, pipeline_id, revision, number, generation, issue, reason, message,
            engine_output, at, envelope, statement_id, run)
        where not exists (select from nodes n where n.organization_id = %(organization_id)s and n.id = u.node_id
            and n.reports_removed_sequence >= u.sequence and n.reports_removed_at >= u.at)
        on conflict (organization_id, node_id, sequence, run) do nothing
        returning node_id, sequence, run, kind, pipeline_id, number, generation, reason, message, engine_output,
            at, received_at, statement_id,
            exists (select from reports r where r.organization_id = %(organization_id)s
                and r.node_id = reports.node_id and r.sequence = reports.sequence) as shares_number""",
        _columns(reports),
    )


async def report_conflicts(txn: Transaction, reports: Sequence[StoredReport]) -> list[UUID]:
    """Return the nodes one of whose processes gave one number to two different reports, of these and what is stored."""
    return await txn.rows_of_ids(
        """select distinct u.node_id as id
        from unnest(%(nodes)s::uuid[], %(sequences)s::bigint[], %(kinds)s::text[], %(ats)s::timestamptz[],
            %(runs)s::text[])
            as u (node_id, sequence, kind, at, run)
        join reports r on r.organization_id = %(organization_id)s and r.node_id = u.node_id
            and r.sequence = u.sequence and r.run = u.run
        where (r.kind, r.at) <> (u.kind, u.at)""",
        {
            "nodes": [each.node_id for each in reports],
            "sequences": [each.sequence for each in reports],
            "kinds": [each.kind for each in reports],
            "ats": [each.at for each in reports],
            "runs": [each.run for each in reports],
        },
    )


async def report_list(txn: Transaction, node_id: UUID, limit: int) -> list[ReportRow]:
    """Return a node's newest reports."""
    return await txn.rows(
        ReportRow,
        """select node_id, sequence, kind, pipeline_id, number, generation, reason, message, engine_output, at,
            received_at
        from reports where organization_id = %(organization_id)s and node_id = %(node_id)s
        order by sequence desc, at desc limit %(limit)s""",
        {"node_id": node_id, "limit": limit},
    )


async def report_newest_of(txn: Transaction, pipeline_id: UUID, node_ids: Sequence[UUID]) -> list[ReportRow]:
    """Return every report of nodes on a pipeline that counts for their present assignment, oldest first."""
    return await txn.rows(
        ReportRow,
        """select r.node_id, r.sequence, r.run, r.kind, r.pipeline_id, r.number, r.generation, r.reason, r.message,
            r.engine_output, r.at, r.received_at
        from assignments a
        join reports r on r.organization_id = a.organization_id and r.node_id = a.node_id
            and (r.pipeline_id = a.pipeline_id or r.pipeline_id is null) and r.generation >= a.generation
        where a.organization_id = %(organization_id)s and a.pipeline_id = %(pipeline_id)s
          and a.node_id = any(%(node_ids)s)
        order by r.node_id, r.sequence, r.at""",
        {"pipeline_id": pipeline_id, "node_ids": list(node_ids)},
    )


def _columns(reports: Sequence[StoredReport]) -> dict[str, Any]:
    return {
        "nodes": [each.node_id for each in reports],
        "sequences": [each.sequence for each in reports],
        "kinds": [each.kind for each in reports],
        "pipelines": [each.pipeline_id for each in reports],
        "revisions": [each.revision for each in reports],
        "numbers": [each.number for each in reports],
        "generations": [each.generation for each in reports],
        "issues": [each.issue for each in reports],
        "reasons": [each.reason for each in reports],
        "messages": [each.message for each in reports],
        "outputs": [Json(each.engine_output) for each in reports],
        "ats": [each.at for each in reports],
        "envelopes": [each.envelope for each in reports],
        "statements": [each.statement_id for each in reports],
        "runs": [each.run for each in reports],
    }
