"""The SQL of counters. The gateway writes as the role telemetry, which may insert and call two functions."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from psycopg.types.json import Json

from vectorflow.platform.database import BUS_CHANNEL, Transaction
from vectorflow.telemetry.rows import HEAD, TAIL
from vectorflow.telemetry.types import HostPointRow, Metric, PointRow, RunRow

_PIECE_BYTES = 256 * 1024


async def counters_copy(txn: Transaction, rows: Sequence[bytes]) -> None:
    """Write all rows of a flush, made by `rows.RowMaker`, with one COPY, piece by piece."""
    # COPY goes past the helpers of `Transaction`; no value can become SQL in it.
    async with (
        txn.connection.cursor() as cursor,
        cursor.copy(
            """copy counters (organization_id, pipeline_id, component_id, output, node_id, at, since,
                received_events, received_bytes, sent_events, sent_bytes, errors, discarded, latency_events, latency_us,
                lag_events, lag_us, wait_events, wait_us, utilization, buffer_fill)
            from stdin (format binary)"""
        ) as copy,
    ):
        await _write(copy, rows)


async def host_metrics_copy(txn: Transaction, rows: Sequence[bytes]) -> None:
    """Write the figures of all machines of a flush, made by `rows.host_row`, with one COPY."""
    async with (
        txn.connection.cursor() as cursor,
        cursor.copy(
            """copy host_metrics (organization_id, node_id, at, cpu_percent, load1, memory_used_bytes,
                memory_total_bytes, disk_free_bytes, disk_total_bytes, network_received_bytes, network_sent_bytes)
            from stdin (format binary)"""
        ) as copy,
    ):
        await _write(copy, rows)


async def _write(copy: psycopg.AsyncCopy, rows: Sequence[bytes]) -> None:
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
    """Return the runs of a pipeline on all nodes, the newest of each node first; of a node there are some 16 at most."""
    return await txn.rows(
        RunRow,
        """select r.node_id, r.since, r.at, r.components::text, r.previous_at, r.previous::text, r.received_at,
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
    components: Sequence[str],
    metric: Metric,
    *,
    minutes: int,
    bucket_seconds: int,
) -> list[PointRow]:
    """Return events per second of all components together, in buckets, oldest first.

    A run that began in the window counts from zero. Rows of a node that the pipeline was never assigned to do not
    count.
    """
    return await txn.rows(
        PointRow,
        """with sample as (
            select c.node_id, c.component_id, c.since, c.at,
                case %(metric)s when 'received' then c.received_events when 'sent' then c.sent_events
                     when 'discarded' then c.discarded else c.errors end as value
            from counters c
            where c.organization_id = %(organization_id)s and c.pipeline_id = %(pipeline_id)s
              and c.component_id = any(%(components)s) and c.output = ''
              and c.at > now() - make_interval(mins => %(minutes)s)
              and exists (select 1 from assignments a where a.organization_id = c.organization_id
                          and a.node_id = c.node_id and a.pipeline_id = c.pipeline_id)),
        step as (
            select at, case
                when lag(value) over run is not null then greatest(value - lag(value) over run, 0)
                when since > now() - make_interval(mins => %(minutes)s) then value
                else 0 end as events
            from sample window run as (partition by node_id, component_id, since order by at))
        select to_timestamp(floor(extract(epoch from at) / %(bucket)s) * %(bucket)s) as at,
            sum(events)::double precision / %(bucket)s as value
        from step group by 1 order by 1""",
        _window(pipeline_id, components, metric, minutes, bucket_seconds),
    )


async def time_series(
    txn: Transaction,
    pipeline_id: UUID,
    components: Sequence[str],
    metric: Metric,
    *,
    minutes: int,
    bucket_seconds: int,
) -> list[PointRow]:
    """Return how long an event took on average, in seconds, in buckets; one where nothing was measured is left out."""
    return await txn.rows(
        PointRow,
        """with sample as (
            select c.node_id, c.component_id, c.since, c.at,
                case %(metric)s when 'latency' then c.latency_events when 'lag' then c.lag_events
                     else c.wait_events end as events,
                case %(metric)s when 'latency' then c.latency_us when 'lag' then c.lag_us else c.wait_us end as us
            from counters c
            where c.organization_id = %(organization_id)s and c.pipeline_id = %(pipeline_id)s
              and c.component_id = any(%(components)s) and c.output = ''
              and c.at > now() - make_interval(mins => %(minutes)s)
              and exists (select 1 from assignments a where a.organization_id = c.organization_id
                          and a.node_id = c.node_id and a.pipeline_id = c.pipeline_id)),
        step as (
            select at, case
                when lag(events) over run is not null then greatest(events - lag(events) over run, 0)
                when since > now() - make_interval(mins => %(minutes)s) then events
                else 0 end as events, case
                when lag(us) over run is not null then greatest(us - lag(us) over run, 0)
                when since > now() - make_interval(mins => %(minutes)s) then us
                else 0 end as us
            from sample where events is not null
            window run as (partition by node_id, component_id, since order by at))
        select to_timestamp(floor(extract(epoch from at) / %(bucket)s) * %(bucket)s) as at,
            sum(us)::double precision / sum(events)::double precision / 1000000 as value
        from step group by 1 having sum(events) > 0 order by 1""",
        _window(pipeline_id, components, metric, minutes, bucket_seconds),
    )


async def share_series(
    txn: Transaction,
    pipeline_id: UUID,
    components: Sequence[str],
    metric: Metric,
    *,
    minutes: int,
    bucket_seconds: int,
) -> list[PointRow]:
    """Return the mean busy share, or the fullest buffer's share, in buckets; those without a reading are left out."""
    return await txn.rows(
        PointRow,
        """select to_timestamp(floor(extract(epoch from c.at) / %(bucket)s) * %(bucket)s) as at,
            case %(metric)s when 'utilization' then avg(c.utilization) else max(c.buffer_fill) end
                ::double precision as value
        from counters c
        where c.organization_id = %(organization_id)s and c.pipeline_id = %(pipeline_id)s
          and c.component_id = any(%(components)s) and c.output = ''
          and c.at > now() - make_interval(mins => %(minutes)s)
          and case %(metric)s when 'utilization' then c.utilization else c.buffer_fill end is not null
          and exists (select 1 from assignments a where a.organization_id = c.organization_id
                      and a.node_id = c.node_id and a.pipeline_id = c.pipeline_id)
        group by 1 order by 1""",
        _window(pipeline_id, components, metric, minutes, bucket_seconds),
    )


def _window(
    pipeline_id: UUID, components: Sequence[str], metric: Metric, minutes: int, bucket_seconds: int
) -> dict[str, Any]:
    return {
        "pipeline_id": pipeline_id,
        "components": list(components),
        "metric": metric,
        "minutes": minutes,
        "bucket": bucket_seconds,
    }


async def host_series(
    txn: Transaction, node_id: UUID, *, minutes: int, bucket_seconds: int
) -> list[HostPointRow]:
    """Return a machine's figures in buckets, oldest first.

    Levels are means. Network rates are of the time between heartbeats; after a restart of the machine, where its
    counters fell, there is none.
    """
    return await txn.rows(
        HostPointRow,
        """with step as (
            select h.at, h.cpu_percent, h.load1, h.memory_used_bytes, h.memory_total_bytes,
                h.disk_total_bytes - h.disk_free_bytes as disk_used_bytes, h.disk_total_bytes,
                h.network_received_bytes - lag(h.network_received_bytes) over (order by h.at) as received,
                h.network_sent_bytes - lag(h.network_sent_bytes) over (order by h.at) as sent,
                extract(epoch from h.at - lag(h.at) over (order by h.at))::double precision as seconds
            from host_metrics h
            where h.organization_id = %(organization_id)s and h.node_id = %(node_id)s
              and h.at > now() - make_interval(mins => %(minutes)s))
        select to_timestamp(floor(extract(epoch from at) / %(bucket)s) * %(bucket)s) as at,
            avg(cpu_percent)::double precision as cpu_percent, avg(load1)::double precision as load1,
            avg(memory_used_bytes)::double precision as memory_used_bytes,
            max(memory_total_bytes)::double precision as memory_total_bytes,
            avg(disk_used_bytes)::double precision as disk_used_bytes,
            max(disk_total_bytes)::double precision as disk_total_bytes,
            (sum(received) filter (where received >= 0)
                / sum(seconds) filter (where received >= 0))::double precision as received_bytes_per_second,
            (sum(sent) filter (where sent >= 0)
                / sum(seconds) filter (where sent >= 0))::double precision as sent_bytes_per_second
        from step group by 1 order by 1""",
        {"node_id": node_id, "minutes": minutes, "bucket": bucket_seconds},
    )


class Upkeep(msgspec.Struct, frozen=True):
    """How many partitions were made or dropped, and whether somebody's lock put some of it off."""

    changed: int
    put_off: bool


async def partitions_upkeep(txn: Transaction, parent: str, *, days_ahead: int, days_kept: int) -> Upkeep:
    """Make a table's partitions ahead and drop old ones (role worker); waits for a lock for two seconds at most."""
    found = await txn.row(
        Upkeep,
        "select changed, put_off from vf.partitions_upkeep(%(parent)s, %(ahead)s, %(kept)s)",
        {"parent": parent, "ahead": days_ahead, "kept": days_kept},
    )
    return found or Upkeep(0, put_off=False)
