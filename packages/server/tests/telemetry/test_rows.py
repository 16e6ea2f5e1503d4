"""`telemetry.rows`: PostgreSQL takes the rows, and reads what was meant."""

import uuid
from datetime import UTC, datetime

import psycopg
import pytest

from vectorflow.platform.credentials import Role, role_url
from vectorflow.telemetry.rows import HEAD, TAIL, RowMaker
from vectorflow_wire.messages import ComponentCounters

AT = datetime.now(UTC).replace(microsecond=123456)
SINCE = datetime(1970, 1, 1, 0, 0, 0, 999, tzinfo=UTC)


@pytest.fixture
def ids() -> tuple[uuid.UUID, uuid.UUID, uuid.UUID]:
    return uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


async def test_postgresql_reads_what_was_written(database_url, state_dir, ids) -> None:
    organization, pipeline, node = ids
    maker = RowMaker(organization, pipeline, node, at=AT, since=SINCE)
    each = ComponentCounters(
        id="größe", received_events=1, received_bytes=2**63 - 1, sent_bytes=4, errors=5, discarded=6
    )
    data = HEAD + maker.component(each, 3) + maker.output("größe", "out", 7) + TAIL
    async with (
        await psycopg.AsyncConnection.connect(role_url(database_url, Role.TELEMETRY, state_dir)) as writer,
        writer.cursor() as cursor,
        cursor.copy(
            """copy counters (organization_id, pipeline_id, component_id, output, node_id, at, since,
            received_events, received_bytes, sent_events, sent_bytes, errors, discarded) from stdin (format binary)"""
        ) as copy,
    ):
        await copy.write(data)
    async with await psycopg.AsyncConnection.connect(database_url) as owner:
        rows = await (
            await owner.execute(
                "select * from counters where organization_id = %s order by output", [organization]
            )
        ).fetchall()
    head = (organization, pipeline, "größe")
    assert rows == [
        (*head, "", node, AT, SINCE, 1, 2**63 - 1, 3, 4, 5, 6),
        (*head, "out", node, AT, SINCE, 0, 0, 7, 0, 0, 0),
    ]
