"""`telemetry.rows`: PostgreSQL takes the rows, and reads what was meant."""

import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from vectorflow.platform.credentials import Role, role_url
from vectorflow.telemetry.rows import HEAD, TAIL, RowMaker, host_row
from vectorflow_wire.messages import ComponentCounters, Durations, HostMetrics

AT = datetime.now(UTC).replace(microsecond=123456)
SINCE = datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC)


@pytest.fixture
def ids() -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    return uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


async def written(database_url, state_dir, data, table, columns) -> None:
    async with (
        await psycopg.AsyncConnection.connect(role_url(database_url, Role.TELEMETRY, state_dir)) as writer,
        writer.cursor() as cursor,
        cursor.copy(f"copy {table} ({columns}) from stdin (format binary)") as copy,
    ):
        await copy.write(data)


async def test_postgresql_reads_what_was_written(database_url, state_dir, ids) -> None:
    organization, pipeline, node = ids
    maker = RowMaker(organization, pipeline, node, at=AT, since=SINCE)
    each = ComponentCounters(
        id="größe", received_events=1, received_bytes=2**63 - 1, sent_bytes=4, errors=5, discarded=6
    )
    timed = ComponentCounters(
        id="timed",
        latency=Durations(count=7, total_us=8),
        lag=Durations(count=9, total_us=10),
        wait=Durations(count=11, total_us=2**63 - 1),
        utilization=1e308,
        buffer_events=1,
        buffer_max_events=4,
    )
    rows_of = (maker.component(each, 3), maker.output("größe", "out", 7), maker.component(timed, 0))
    await written(
        database_url,
        state_dir,
        HEAD + b"".join(rows_of) + TAIL,
        "counters",
        "organization_id, pipeline_id, component_id, output, node_id, at, since, received_events, received_bytes, "
        "sent_events, sent_bytes, errors, discarded, latency_events, latency_us, lag_events, lag_us, wait_events, "
        "wait_us, utilization, buffer_fill",
    )
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        rows = await (
            await owner.execute(
                "select * from counters where organization_id = %s order by component_id, output",
                [organization],
            )
        ).fetchall()
    head = (organization, pipeline, "größe")
    untold = (None,) * 8
    assert sorted(rows, key=lambda row: row[2:4]) == [
        (*head, "", node, AT, SINCE, 1, 2**63 - 1, 3, 4, 5, 6, *untold),
        (*head, "out", node, AT, SINCE, 0, 0, 7, 0, 0, 0, *untold),
        (*head[:2], "timed", "", node, AT, SINCE, 0, 0, 0, 0, 0, 0, 7, 8, 9, 10, 11, 2**63 - 1, 1.0, 0.25),
    ]


async def test_postgresql_reads_a_machines_figures_whatever_they_are(database_url, state_dir, ids) -> None:
    organization, _, node = ids
    wild = HostMetrics(
        cpu_percent=1e300, load1=-5.0, memory_used_bytes=1, memory_total_bytes=2, disk_free_bytes=3
    )
    plain = HostMetrics(
        cpu_percent=12.5,
        load1=0.5,
        disk_total_bytes=4,
        network_received_bytes=5,
        network_sent_bytes=2**63 - 1,
    )
    later = AT + timedelta(seconds=15)
    await written(
        database_url,
        state_dir,
        HEAD + host_row(organization, node, AT, wild) + host_row(organization, node, later, plain) + TAIL,
        "host_metrics",
        "organization_id, node_id, at, cpu_percent, load1, memory_used_bytes, memory_total_bytes, disk_free_bytes, "
        "disk_total_bytes, network_received_bytes, network_sent_bytes",
    )
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        rows = await (
            await owner.execute("select * from host_metrics where node_id = %s order by at", [node])
        ).fetchall()
    assert rows == [
        (organization, node, AT, 1e9, 0.0, 1, 2, 3, 0, 0, 0),
        (organization, node, later, 12.5, 0.5, 0, 0, 0, 4, 5, 2**63 - 1),
    ]
