"""Rows of the tables `counters` and `host_metrics` as PostgreSQL's binary COPY takes them. Pure.

Built when a heartbeat is taken, so that the work is spread over the second and a flush only has to send bytes.
"""

import struct
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

from vectorflow.telemetry.timings import buffer_share
from vectorflow_wire.messages import ComponentCounters, Durations, HostMetrics

HEAD: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL: Final = b"\xff\xff"

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FIELDS: Final = struct.pack(">h", 21)  # in the order of `store.counters_copy`
_UUID: Final = struct.pack(">i", 16)
_MOMENTS: Final = struct.Struct(">iqiq")
_NO_TEXT: Final = bytes(4)
_COUNTS: Final = struct.Struct(">iqiqiqiqiqiq")
_PAIR: Final = struct.Struct(">iqiq")
_NO_PAIR: Final = struct.pack(">ii", -1, -1)
_REAL: Final = struct.Struct(">if")
_NO_REAL: Final = struct.pack(">i", -1)
_NO_PAIRS: Final = 3 * _NO_PAIR
_NO_REALS: Final = 2 * _NO_REAL
_BUSY: Final = struct.Struct(">ifi")
_NO_TIMES: Final = _NO_PAIRS + _NO_REALS
_HOST_FIELDS: Final = struct.pack(">h", 11)  # in the order of `store.host_metrics_copy`
_MOMENT: Final = struct.Struct(">iq")
_FIGURES: Final = struct.Struct(">ififiqiqiqiqiqiq")
_LARGEST_REAL: Final = 1e9


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
        return self._begin + _text(each.id) + _NO_TEXT + self._middle + counts + _times(each)

    def output(self, component_id: str, output: str, sent_events: int) -> bytes:
        """Return the row of one named output of a component."""
        counts = _COUNTS.pack(8, 0, 8, 0, 8, sent_events, 8, 0, 8, 0, 8, 0)
        return self._begin + _text(component_id) + _text(output) + self._middle + counts + _NO_TIMES


def host_row(organization_id: UUID, node_id: UUID, at: datetime, host: HostMetrics) -> bytes:
    """Return the row of a machine's figures at one moment."""
    return (
        _HOST_FIELDS
        + _UUID
        + organization_id.bytes
        + _UUID
        + node_id.bytes
        + _MOMENT.pack(8, _microseconds(at))
        + _FIGURES.pack(
            4,
            _fitting(host.cpu_percent),
            4,
            _fitting(host.load1),
            8,
            host.memory_used_bytes,
            8,
            host.memory_total_bytes,
            8,
            host.disk_free_bytes,
            8,
            host.disk_total_bytes,
            8,
            host.network_received_bytes,
            8,
            host.network_sent_bytes,
        )
    )


def _times(each: ComponentCounters) -> bytes:
    """Times, busy share and buffer; null for what the engine does not report."""
    if each.latency is None and each.lag is None and each.wait is None:
        pairs = _NO_PAIRS
    else:
        pairs = _pair(each.latency) + _pair(each.lag) + _pair(each.wait)
    busy = each.utilization
    if busy is not None and not 0.0 <= busy <= 1.0:
        busy = min(1.0, max(0.0, busy))
    share = buffer_share(each) if each.buffer_max_events or each.buffer_max_bytes else None
    if share is None:
        return pairs + (_NO_REALS if busy is None else _BUSY.pack(4, busy, -1))
    return pairs + (_NO_REAL if busy is None else _REAL.pack(4, busy)) + _REAL.pack(4, share)


def _pair(took: Durations | None) -> bytes:
    return _NO_PAIR if took is None else _PAIR.pack(8, took.count, 8, took.total_us)


def _fitting(value: float) -> float:
    return max(0.0, min(value, _LARGEST_REAL))


@lru_cache(maxsize=20_000)
def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack(">i", len(data)) + data


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
