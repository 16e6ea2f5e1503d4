"""The body of `POST /agent/v1/logs`: numbered batches of log lines, compressed with gzip.

A node numbers its batches from 1 and sends them in order; a batch that was acknowledged is never stored
again. `spool` is a random name that each process of the agent gives to the batches that it makes (older agents
keep one for as long as the spool's folder lives): a number is given once under a name, also when two machines
speak as one node. A line is numbered within its source, so that a gap can be seen; lines that were
not sent are counted by a line of their own with `dropped`.
"""

import gzip
from typing import Final

import msgspec

from vectorflow_wire.statements import LogLevel

LOGS_PATH: Final = "/agent/v1/logs"
LINE_BYTES: Final = 4096
"""What is longer is cut, with a mark that says how long it was."""
MOST_LINES: Final = 1000
MOST_BATCH_BYTES: Final = 1024 * 1024
"""A compressed batch."""
MOST_PLAIN_BYTES: Final = 8 * 1024 * 1024
LEVELS: Final = (LogLevel.TRACE, LogLevel.DEBUG, LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)
"""From the least to the most serious."""
AGENT: Final = ""
"""`LogLine.pipeline` of the agent's own lines."""


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line. `pipeline` is the id of the pipeline whose engine wrote it, empty for the agent itself.

    `at` is epoch ms by the node's clock, `component` the component that the line names, if it names one.
    With `dropped` above zero the line stands for that many lines that were not sent, and `text` says why.
    """

    sequence: int
    at: int
    level: str
    text: str
    pipeline: str = AGENT
    component: str = ""
    dropped: int = 0


class LogBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One batch, before compression."""

    spool: str
    batch: int
    lines: tuple[LogLine, ...]


class LogsAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Answered after commit: the batch that need not be sent again."""

    accepted: int


def batch_zipped(batch: LogBatch) -> bytes:
    """Encode and compress a batch."""
    return gzip.compress(msgspec.json.encode(batch), 6, mtime=0)
