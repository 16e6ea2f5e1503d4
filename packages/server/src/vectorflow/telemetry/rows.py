"""Rows of the table `counters` as PostgreSQL's binary COPY takes them. Pure.

Built when a heartbeat is taken, so that the work is spread over the second and a flush only has to send bytes.
"""

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from vectorflow_wire.messages import ComponentCounters

HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL: Final = b"\xff\xff"

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIELDS: Final = struct.pack(">h", 13)  # in the order of `store.counters_copy`
_UUID: Final = struct.pack(">i", 16)
_MOMENTS: Final = struct.Struct(">iqiq")
_NO_TEXT: Final = bytes(4)
_COUNTS: Final = struct.Struct(">iqiqiqiqiqiq")


class RowMaker:
    """Makes the rows of one pipeline on one node at one moment."""

    __slots__ = ("_begin", "_middle")

    def __init__(
        self, organization_id: UUID, pipeline_id: UUID, node_id: UUID, *, at: datetime, since: datetime
    ) -> None:
        self._begin = _FIELDS + _UUID + organization_id.bytes + _UUID + pipeline_id.bytes
        self._middle = _UUID + node_id.bytes + _MOMENTS.pack(8, _microseconds(at), 8, _microseconds(since))

    def component(self, each: ComponentCounters, sent_events: int) -> bytes:
        """Return the row of a whole component. Counts are 0 to 2^63-1, texts hold no NUL: `heartbeats` sees to that."""
        counts = _COUNTS.pack(
            8,
            each.received_events,
            8,
            each.received_bytes,
            8,
            sent_events,
            8,
            each.sent_bytes,
            8,
            each.errors,
            8,
            each.discarded,
        )
        return self._begin + _text(each.id) + _NO_TEXT + self._middle + counts

    def output(self, component_id: str, output: str, sent_events: int) -> bytes:
        """Return the row of one named output of a component."""
        counts = _COUNTS.pack(8, 0, 8, 0, 8, sent_events, 8, 0, 8, 0, 8, 0)
        return self._begin + _text(component_id) + _text(output) + self._middle + counts


@lru_cache(maxsize=20_000)
def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">i", len(data)) + data


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
