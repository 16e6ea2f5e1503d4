"""What is passed around about log lines; the structs without `Row` in their name are the public API's."""

from datetime import datetime
from enum import IntEnum
from typing import Literal
from uuid import UUID

import msgspec

LOGS_TOPIC = "telemetry.logs"
"""Bus topic: nodes of `environment_id` have told new log lines."""

LevelName = Literal["trace", "debug", "info", "warn", "error"]

LEVEL_NAMES: tuple[LevelName, ...] = ("trace", "debug", "info", "warn", "error")


class Level(IntEnum):
    """How serious a line is, as it is stored."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4


class StoredLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line fit for the database."""

    id: UUID
    at: datetime
    pipeline_id: UUID | None
    sequence: int
    level: int
    component: str
    text: str
    dropped: int


class TakenBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that a node sent, read and cleaned. `size` is what it counts in the quota, in bytes."""

    node_id: UUID
    environment_id: UUID
    spool: str
    batch: int
    size: int
    lines: list[StoredLine]


class MarkRow(msgspec.Struct, frozen=True):
    """The batch that was stored last of a spool of a node."""

    node_id: UUID
    spool: str
    batch: int


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stored line, with the names of what it is about."""

    id: UUID
    at: datetime
    node_id: UUID
    node_name: str | None
    pipeline_id: UUID | None
    pipeline_name: str | None
    sequence: int
    level: int
    component: str
    text: str
    dropped: int


class LogFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which lines are wanted. `level` is the least serious one; `text` is looked for in either case."""

    node_id: UUID | None = None
    pipeline_id: UUID | None = None
    component: str | None = None
    level: int = 0
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None


class LogPlace(msgspec.Struct, frozen=True):
    """A node or a pipeline that a line is of. `name` is null once it is gone."""

    id: UUID
    name: str | None


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line as a node told it. `pipeline` is null for the agent's own.

    With `dropped` above zero it stands for that many lines that were not sent; `text` says why. `sequence`
    counts the lines of one source on one node, so that a gap can be seen.
    """

    id: UUID
    at: str
    node: LogPlace
    pipeline: LogPlace | None
    level: LevelName
    component: str
    sequence: int
    text: str
    dropped: int


class LogList(msgspec.Struct, frozen=True, kw_only=True):
    """Lines, the newest first; with `after` in the order in which they arrived.

    `next_cursor` goes on to older lines. `follow` is what to give as `after` to get what arrives next.
    """

    items: list[LogLine]
    next_cursor: str | None
    follow: str
