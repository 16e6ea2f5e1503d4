"""A batch of log lines as an agent sent it, read within limits and made fit for the database: pure."""

import gzip
import io
import zlib
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.ids import new_id, parse_id
from vectorflow.platform.logs import clean_text
from vectorflow.telemetry.logs.types import Level, StoredLine, TakenBatch
from vectorflow_wire import logs

OLDEST: Final = timedelta(hours=24)
"""What a node says is older is taken to be this old: there is a partition for it."""
LINE_COST: Final = 200
"""Bytes that a line counts beside its words: roughly its row, also of an empty line."""
NEWEST: Final = timedelta(minutes=1)
_LEVELS: Final = {name: Level[name.upper()] for name in logs.LEVELS}
_TEXT: Final = logs.LINE_BYTES + 100
_COMPONENT: Final = 128
_MOST: Final = 2**31 - 1
_decoder = msgspec.json.Decoder(logs.LogBatch)


def read_batch(authority: NodeAuthority, zipped: bytes, now: datetime) -> TakenBatch:
    """Read what a node sent. Raises `AgentRequestInvalid`."""
    sent = _decoded(zipped)
    if not 0 < sent.batch < 2**63 or not 0 < len(sent.spool) <= 64 or not sent.spool.isalnum():
        raise AgentRequestInvalid("a batch has a number from 1 and the name of its spool")
    if not 0 < len(sent.lines) <= logs.MOST_LINES:
        raise AgentRequestInvalid(f"a batch has 1 to {logs.MOST_LINES} lines")
    lines = [_line(each, now) for each in sent.lines]
    return TakenBatch(
        node_id=authority.node_id,
        environment_id=authority.environment_id,
        spool=sent.spool,
        batch=sent.batch,
        size=sum(LINE_COST + len(each.component) + len(each.text.encode()) for each in lines),
        lines=lines,
    )


def _decoded(zipped: bytes) -> logs.LogBatch:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(zipped)) as file:
            plain = file.read(logs.MOST_PLAIN_BYTES + 1)
        if len(plain) > logs.MOST_PLAIN_BYTES:
            raise AgentRequestInvalid(f"a batch has at most {logs.MOST_PLAIN_BYTES} bytes")
        return _decoder.decode(plain)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise AgentRequestInvalid("this is not a compressed batch of log lines") from error


def _line(line: logs.LogLine, now: datetime) -> StoredLine:
    return StoredLine(
        id=new_id(),
        at=_moment(line.at, now),
        pipeline_id=_pipeline(line.pipeline),
        sequence=max(0, min(line.sequence, 2**63 - 1)),
        level=_LEVELS.get(line.level, Level.WARN),
        component=_one_line(line.component)[:_COMPONENT],
        text=_one_line(line.text[: 2 * _TEXT])[:_TEXT],
        dropped=max(0, min(line.dropped, _MOST)),
    )


def _one_line(text: str) -> str:
    return clean_text(text).replace("\n", " ").replace("\t", " ")


def _moment(told: int, now: datetime) -> datetime:
    """Return the node's word on when it was, within what can be believed."""
    oldest, newest = now - OLDEST, now + NEWEST
    if told <= oldest.timestamp() * 1000:
        return oldest
    if told >= newest.timestamp() * 1000:
        return newest
    return datetime.fromtimestamp(told / 1000, UTC)


def _pipeline(text: str) -> UUID | None:
    return parse_id(text) if text != logs.AGENT else None
