"""Log lines as people see them."""

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.platform.database import Database
from vectorflow.telemetry.logs import store
from vectorflow.telemetry.logs.types import LEVEL_NAMES, LineRow, LogFilter, LogLine, LogPlace

_SETTLED: Final = timedelta(seconds=1)
"""Commits of lines are shared for 25 ms; after a second none of older ids is still under way."""


class LogService:
    """Reads log lines."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def lines(
        self,
        organization_id: UUID,
        environment_id: UUID,
        wanted: LogFilter,
        *,
        before: tuple[int, UUID] | None,
        limit: int,
    ) -> list[LineRow]:
        """Return lines, the newest first."""
        async with self._database.transaction(organization_id) as txn:
            return await store.line_list(txn, environment_id, wanted, before=before, limit=limit)

    async def arrived(
        self,
        organization_id: UUID,
        environment_id: UUID,
        wanted: LogFilter,
        *,
        after: UUID,
        settled: UUID,
        limit: int,
    ) -> list[LineRow]:
        """Return the lines that arrived after a line, the first of them first."""
        async with self._database.transaction(organization_id) as txn:
            return await store.line_list_after(
                txn, environment_id, wanted, after=after, settled=settled, limit=limit
            )

    def settled(self) -> UUID:
        """Return an id such that no line with a lower one will still appear."""
        return first_id(self._clock.now() - _SETTLED)


def first_id(moment: datetime) -> UUID:
    """Return the lowest UUIDv7 of a moment."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (0b10 << 62))


def line_of(row: LineRow) -> LogLine:
    """Return a line as the API shows it."""
    return LogLine(
        id=row.id,
        at=rfc3339(row.at),
        node=LogPlace(row.node_id, row.node_name),
        pipeline=None if row.pipeline_id is None else LogPlace(row.pipeline_id, row.pipeline_name),
        level=LEVEL_NAMES[row.level],
        component=row.component,
        sequence=row.sequence,
        text=row.text,
        dropped=row.dropped,
    )
