"""The SQL of log lines. Nodes' batches are written by the gateway in the scope of their organisation."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID

from vectorflow.platform.database import Transaction
from vectorflow.telemetry.logs.types import LineRow, LogFilter, MarkRow, StoredLine, TakenBatch

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


async def mark_lock(txn: Transaction, node_ids: Sequence[UUID]) -> list[MarkRow]:
    """Return the last stored batch of nodes (0 for a new one), and keep others from storing until commit.

    It is of the spool that the node sent from last.
    """
    nodes = sorted(set(node_ids))
    await txn.execute(
        """insert into log_marks (organization_id, node_id, spool, batch)
        select %(organization_id)s, node_id, '', 0 from unnest(%(nodes)s::uuid[]) as node_id
        on conflict do nothing""",
        {"nodes": nodes},
    )
    return await txn.rows(
        MarkRow,
        """select node_id, spool, batch from log_marks
        where organization_id = %(organization_id)s and node_id = any(%(nodes)s)
        order by node_id for update""",
        {"nodes": nodes},
    )


async def mark_list_left(txn: Transaction, asked: Sequence[tuple[UUID, str]]) -> list[MarkRow]:
    """Return the last stored batch of spools, by node and name, that their nodes had sent from before."""
    return await txn.rows(
        MarkRow,
        """select s.node_id, s.spool, s.batch
        from unnest(%(nodes)s::uuid[], %(spools)s::text[]) as u (node_id, spool)
        join log_spools s on s.organization_id = %(organization_id)s and s.node_id = u.node_id
            and s.spool = u.spool""",
        {"nodes": [node_id for node_id, _ in asked], "spools": [spool for _, spool in asked]},
    )


async def mark_leave(txn: Transaction, marks: Sequence[MarkRow], kept: timedelta) -> None:
    """Note how far spools are stored that their nodes do not send from at the moment; forget those left for long."""
    await txn.execute(
        """delete from log_spools where organization_id = %(organization_id)s and node_id = any(%(nodes)s)
            and left_at < now() - %(kept)s::interval""",
        {"nodes": [each.node_id for each in marks], "kept": kept},
    )
    await txn.execute(
        """insert into log_spools (organization_id, node_id, spool, batch)
        select %(organization_id)s, node_id, spool, batch
        from unnest(%(nodes)s::uuid[], %(spools)s::text[], %(batches)s::bigint[]) as u (node_id, spool, batch)
        on conflict (organization_id, node_id, spool) do update set batch = excluded.batch, left_at = now()""",
        _columns(marks),
    )


async def mark_set(txn: Transaction, marks: Sequence[MarkRow]) -> None:
    """Note the batches that are stored now, of the spools that nodes send from."""
    await txn.execute(
        """update log_marks m set spool = u.spool, batch = u.batch
        from unnest(%(nodes)s::uuid[], %(spools)s::text[], %(batches)s::bigint[]) as u (node_id, spool, batch)
        where m.organization_id = %(organization_id)s and m.node_id = u.node_id""",
        _columns(marks),
    )


async def usage_add(txn: Transaction, today: date, size: int) -> int:
    """Count bytes of today; return how many there are now."""
    return int(
        await txn.value(
            """insert into log_usage as u (organization_id, day, bytes)
            values (%(organization_id)s, %(day)s, %(size)s)
            on conflict (organization_id, day) do update set bytes = u.bytes + excluded.bytes
            returning bytes""",
            {"day": (today - _EPOCH.date()).days, "size": size},
        )
    )


async def line_insert(txn: Transaction, batches: Sequence[TakenBatch]) -> None:
    """Store the lines of batches."""
    lines: list[tuple[TakenBatch, StoredLine]] = [(batch, line) for batch in batches for line in batch.lines]
    await txn.execute(
        """insert into logs (organization_id, environment_id, node_id, id, at, pipeline_id, sequence, level,
            component, text, dropped)
        select %(organization_id)s, u.* from unnest(%(environments)s::uuid[], %(nodes)s::uuid[], %(ids)s::uuid[],
            %(ats)s::timestamptz[], %(pipelines)s::uuid[], %(sequences)s::bigint[], %(levels)s::smallint[],
            %(components)s::text[], %(texts)s::text[], %(dropped)s::integer[]) as u""",
        {
            "environments": [batch.environment_id for batch, _ in lines],
            "nodes": [batch.node_id for batch, _ in lines],
            "ids": [line.id for _, line in lines],
            "ats": [line.at for _, line in lines],
            "pipelines": [line.pipeline_id for _, line in lines],
            "sequences": [line.sequence for _, line in lines],
            "levels": [line.level for _, line in lines],
            "components": [line.component for _, line in lines],
            "texts": [line.text for _, line in lines],
            "dropped": [line.dropped for _, line in lines],
        },
    )


async def line_list(
    txn: Transaction,
    environment_id: UUID,
    wanted: LogFilter,
    *,
    before: tuple[int, UUID] | None,
    limit: int,
) -> list[LineRow]:
    """Return lines, the newest first. `before` is the moment (epoch microseconds) and id of the last one seen."""
    return await txn.rows(
        LineRow,
        """select l.id, l.at, l.node_id, n.name as node_name, l.pipeline_id, p.name as pipeline_name, l.sequence,
            l.level, l.component, l.text, l.dropped
        from logs l
        left join nodes n on n.organization_id = l.organization_id and n.id = l.node_id
        left join pipelines p on p.organization_id = l.organization_id and p.id = l.pipeline_id
        where l.organization_id = %(organization_id)s and l.environment_id = %(environment)s
          and (%(node)s::uuid is null or l.node_id = %(node)s)
          and (%(pipeline)s::uuid is null or l.pipeline_id = %(pipeline)s)
          and (%(component)s::text is null or l.component = %(component)s)
          and l.level >= %(level)s
          and (%(since)s::timestamptz is null or l.at >= %(since)s)
          and (%(until)s::timestamptz is null or l.at < %(until)s)
          and (%(text)s::text is null or strpos(lower(l.text), lower(%(text)s)) > 0)
          and (%(before_id)s::uuid is null or (l.at, l.id) < (%(before_at)s::timestamptz, %(before_id)s))
        order by l.at desc, l.id desc limit %(limit)s""",
        _wanted(environment_id, wanted) | _before(before) | {"limit": limit},
    )


async def line_list_after(
    txn: Transaction,
    environment_id: UUID,
    wanted: LogFilter,
    *,
    after: UUID,
    settled: UUID,
    limit: int,
) -> list[LineRow]:
    """Return lines in the order of their arrival: those after an id, up to one whose commits have all ended."""
    return await txn.rows(
        LineRow,
        """select l.id, l.at, l.node_id, n.name as node_name, l.pipeline_id, p.name as pipeline_name, l.sequence,
            l.level, l.component, l.text, l.dropped
        from logs l
        left join nodes n on n.organization_id = l.organization_id and n.id = l.node_id
        left join pipelines p on p.organization_id = l.organization_id and p.id = l.pipeline_id
        where l.organization_id = %(organization_id)s and l.environment_id = %(environment)s
          and l.id > %(after)s and l.id < %(settled)s
          and (%(node)s::uuid is null or l.node_id = %(node)s)
          and (%(pipeline)s::uuid is null or l.pipeline_id = %(pipeline)s)
          and (%(component)s::text is null or l.component = %(component)s)
          and l.level >= %(level)s
          and (%(since)s::timestamptz is null or l.at >= %(since)s)
          and (%(until)s::timestamptz is null or l.at < %(until)s)
          and (%(text)s::text is null or strpos(lower(l.text), lower(%(text)s)) > 0)
        order by l.id limit %(limit)s""",
        _wanted(environment_id, wanted) | {"after": after, "settled": settled, "limit": limit},
    )


def _columns(marks: Sequence[MarkRow]) -> dict[str, object]:
    return {
        "nodes": [each.node_id for each in marks],
        "spools": [each.spool for each in marks],
        "batches": [each.batch for each in marks],
    }


def _wanted(environment_id: UUID, wanted: LogFilter) -> dict[str, object]:
    return {
        "environment": environment_id,
        "node": wanted.node_id,
        "pipeline": wanted.pipeline_id,
        "component": wanted.component,
        "level": wanted.level,
        "since": wanted.since,
        "until": wanted.until,
        "text": wanted.text,
    }


def _before(before: tuple[int, UUID] | None) -> dict[str, object]:
    if before is None:
        return {"before_id": None, "before_at": None}
    return {"before_id": before[1], "before_at": _EPOCH + timedelta(microseconds=before[0])}
