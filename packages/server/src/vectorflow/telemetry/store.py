"""The SQL of counters. The gateway writes as the role telemetry, which may insert and call two functions."""

from collections.abc import Sequence
from uuid import UUID

from psycopg.types.json import Json

from vectorflow.platform.database import BUS_CHANNEL, Transaction
from vectorflow.telemetry.rows import HEAD, TAIL
from vectorflow.telemetry.types import Metric, PointRow, RunRow

_PIECE_BYTES = 256 * 1024


async def counters_copy(txn: Transaction, rows: Sequence[bytes]) -> None:
    """Write all rows of a flush, made by `rows.RowMaker`, with one COPY, piece by piece."""
    # COPY goes past the helpers of `Transaction`; no value can become SQL in it.
    async with (
        txn.connection.cursor() as cursor,
        cursor.copy(
            """copy counters (organization_id, pipeline_id, component_id, output, node_id, at, since,
                received_events, received_bytes, sent_events, sent_bytes, errors, discarded)
            from stdin (format binary)"""
        ) as copy,
    ):
        piece: list[bytes] = [HEAD]
        size = 0
        for each in rows:
            piece.append(each)
            size += len(each)
            if size >= _PIECE_BYTES:
                await copy.write(b"".join(piece))
                piece, size = [], 0
        await copy.write(b"".join([*piece, TAIL]))


async def present_update(
    txn: Transaction, presence: Sequence[bytes], runs: Sequence[bytes], messages: Sequence[bytes]
) -> None:
    """Update the presence and the newest counters of every node of a flush and tell the bus, in one statement.

    `presence` and `runs` are JSON objects, the latter possibly several between commas.
    """
    await txn.execute(
        """select vf.presence_update(%(presence)s::json), vf.counters_update(%(runs)s::json),
            (select count(pg_notify(%(channel)s, message)) from unnest(%(messages)s::text[]) as message)""",
        {
            "channel": BUS_CHANNEL,
            "presence": Json(_array(presence), dumps=bytes),
            "runs": Json(_array(runs), dumps=bytes),
            "messages": [each.decode() for each in messages],
        },
    )


def _array(objects: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(objects) + b"]"


async def run_list(txn: Transaction, pipeline_id: UUID) -> list[RunRow]:
    """Return the runs of a pipeline on all nodes, the newest of each node first."""
    return await txn.rows(
        RunRow,
        """select r.node_id, r.since, r.at, r.components, r.previous_at, r.previous, r.received_at,
            coalesce(p.heartbeat_seconds, 15) as heartbeat_seconds
        from counter_runs r
        left join node_presence p on p.organization_id = r.organization_id and p.node_id = r.node_id
        where r.organization_id = %(organization_id)s and r.pipeline_id = %(pipeline_id)s
        order by r.node_id, r.received_at desc, r.since desc""",
        {"pipeline_id": pipeline_id},
    )


async def series(
    txn: Transaction,
    pipeline_id: UUID,
    component_id: str,
    metric: Metric,
    *,
    minutes: int,
    bucket_seconds: int,
) -> list[PointRow]:
    """Return events per second in buckets, oldest first; a run that began in the window counts from zero.

    Rows of a node that the pipeline was never assigned to do not count.
    """
    return await txn.rows(
        PointRow,
        """with sample as (
            select c.node_id, c.since, c.at,
                case %(metric)s when 'received' then c.received_events when 'sent' then c.sent_events
                     else c.errors end as value
            from counters c
            where c.organization_id = %(organization_id)s and c.pipeline_id = %(pipeline_id)s
              and c.component_id = %(component_id)s and c.output = ''
              and c.at > now() - make_interval(mins => %(minutes)s)
              and exists (select 1 from assignments a where a.organization_id = c.organization_id
                          and a.node_id = c.node_id and a.pipeline_id = c.pipeline_id)),
        step as (
            select at, case
                when lag(value) over run is not null then greatest(value - lag(value) over run, 0)
                when since > now() - make_interval(mins => %(minutes)s) then value
                else 0 end as events
            from sample window run as (partition by node_id, since order by at))
        select to_timestamp(floor(extract(epoch from at) / %(bucket)s) * %(bucket)s) as at,
            sum(events)::double precision / %(bucket)s as value
        from step group by 1 order by 1""",
        {
            "pipeline_id": pipeline_id,
            "component_id": component_id,
            "metric": metric,
            "minutes": minutes,
            "bucket": bucket_seconds,
        },
    )


async def counters_upkeep(txn: Transaction, *, days_ahead: int, days_kept: int) -> int:
    """Make partitions ahead and drop old ones (role worker); return how many changed."""
    changed = await txn.value(
        "select vf.counters_upkeep(%(ahead)s, %(kept)s)", {"ahead": days_ahead, "kept": days_kept}
    )
    return int(changed)
