"""From the bytes that a log grew by to clean lines: pure, bounded, without secrets.

A line of Vector says when, how serious and, in its span, about which component. A line that says nothing of
that goes on with what the line before it said: traces and panics take several lines.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from vectorflow_agent.core.event_redaction import KINDS, Redactor
from vectorflow_wire.logs import LEVELS, LINE_BYTES
from vectorflow_wire.statements import LogLevel

KEPT_BYTES: Final = 256 * 1024
"""Of a longer line only this much is looked at; its length is still told."""
SECRET: Final = "[secret]"  # noqa: S105  what stands in its place

_HEAD = re.compile(
    r"(?:(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z)\s+)?(TRACE|DEBUG|INFO|WARN|ERROR)\s+(\S.*)"
)
_PANIC = re.compile(r"thread '[^']*' .*panicked at ")
_COMPONENT = re.compile(r'\bcomponent_id="?([A-Za-z0-9_.-]{1,128})')
_TOKEN = re.compile(r"\bvf[ens]_[a-z0-9-]+_[a-z2-7]+_[a-z2-7]+")
_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
# What an engine quotes of an event may hold a credential. Addresses stay: they say what could not be reached.
_QUOTED: Final = Redactor(keep=frozenset(KINDS) - {"credential", "key"})
_SPAN: Final = 2000
_LEAST_SECRET: Final = 4
_LEAST_SECRET_LINE: Final = 8


class Line(NamedTuple):
    """A line as it was read. `at` is epoch ms, 0 when the line does not say."""

    at: int
    level: str
    component: str
    text: str


class Splitter:
    """Cuts a growing log into lines. Bytes that are no line yet wait for the rest."""

    def __init__(self) -> None:
        self._part = bytearray()
        self._length = 0

    @property
    def waiting(self) -> int:
        """How many bytes have come that are no whole line yet."""
        return self._length

    def feed(self, data: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield each line that is whole now, at most 256 KiB of it, and its true length in bytes."""
        begin = 0
        while (end := data.find(b"\n", begin)) >= 0:
            self._add(data[begin:end])
            yield self.flush()
            begin = end + 1
        self._add(data[begin:])

    def flush(self) -> tuple[bytes, int]:
        """Take what waits as a line."""
        line, length = bytes(self._part), self._length
        self._part.clear()
        self._length = 0
        return line, length

    def _add(self, data: bytes) -> None:
        self._length += len(data)
        self._part += data[: max(0, KEPT_BYTES - len(self._part))]


class Parser:
    """Reads the lines of one log, one after another."""

    def __init__(self) -> None:
        self._level: str = LogLevel.WARN
        self._component = ""

    def read(self, raw: bytes, length: int, secrets: Iterable[str]) -> Line | None:
        """Return a line without secrets and control characters, cut to a size; None for an empty one."""
        text = clean(raw.decode("utf-8", "replace"), secrets)
        if not text:
            return None
        head = _HEAD.match(text)
        at = 0
        if head is not None:
            at = _moment(head.group(1))
            self._level = head.group(2).lower()
            found = _COMPONENT.search(text, 0, _SPAN)
            self._component = found.group(1) if found else ""
            text = head.group(3)
        elif _PANIC.match(text):
            self._level, self._component = LogLevel.ERROR, ""
        return Line(at, self._level, self._component, cut(text, length))


def clean(text: str, secrets: Iterable[str]) -> str:
    """Take secrets, terminal sequences and control characters out of a line. `secrets` stand longest first.

    What has the form of a credential goes too, known or not.
    """
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, SECRET)
    text = _TOKEN.sub(SECRET, text)
    text = str(_QUOTED.event(text))
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in _ANSI.sub("", text))
    return text.strip()


def cut(text: str, length: int) -> str:
    """Cut a text to the size of a line on the wire, with a mark that says how many bytes there were."""
    data = text.encode()
    if len(data) <= LINE_BYTES and length <= KEPT_BYTES:
        return text
    return f"{data[:LINE_BYTES].decode('utf-8', 'ignore')} …[cut, {max(length, len(data))} bytes]"


def hidden(values: Iterable[str]) -> tuple[str, ...]:
    """What must not be seen of secret values, longest first; of one with several lines each line as well."""
    found = {value for value in values if len(value) >= _LEAST_SECRET}
    found |= {
        line.strip()
        for value in values
        for line in value.splitlines()
        if len(line.strip()) >= _LEAST_SECRET_LINE
    }
    return tuple(sorted(found, key=len, reverse=True))


def at_least(level: str, least: str) -> bool:
    """Whether a level is as serious as another; one that is not known is."""
    return level not in LEVELS or LEVELS.index(level) >= LEVELS.index(least)


class Allowance:
    """How many lines of one source may pass: `per_second` in the long run, `burst` at once."""

    def __init__(self, per_second: float, burst: float, now: float) -> None:
        self._per_second, self._burst = per_second, burst
        self._left, self._at = burst, now

    def take(self, now: float) -> bool:
        """Let one line pass, or not."""
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _moment(text: str | None) -> int:
    if text is None:
        return 0
    try:
        return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
