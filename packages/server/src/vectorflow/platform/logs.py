"""Structured logs: one JSON object per line, without secrets and without raw control characters.

All libraries' logs go through the same processors, so redaction cannot be bypassed by a logger.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

REDACTED = "[REDACTED]"
MAX_TEXT = 16_000

_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)|secret|token|authorization|cookie|csrf|credential|private_?key|api_?key|scope_?key|\bdsn\b",
    re.IGNORECASE,
)
_SECRET_VALUES = (
    re.compile(r"\bvf[ens]_[a-z0-9-]+_[a-z2-7]+_[a-z2-7]+"),
    re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]+(?=@)"),
    re.compile(r"(?i)\bbearer\s+[a-z0-9._~+/=-]+"),
    re.compile(r"(?i)(?<=vf_session=)[^;\s\"']+"),
    re.compile(r"(?i)\bpassword=(?:'[^']*'|\S+)"),
    re.compile(r"\$argon2[a-z]*\$\S+"),
)
# C0 but for newline and tab (JSON escapes those two), DEL and C1, line separators, bidirectional marks.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def names_secret(name: str) -> bool:
    """Tell whether a field of this name is to be taken for a secret."""
    return _SECRET_NAME.search(name) is not None


def escape_controls(text: str) -> str:
    """Replace characters that could drive a terminal or reorder text by their visible escapes."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def clean_text(text: str) -> str:
    """Return text fit for a log: secrets by form removed, controls escaped, at most 16,000 characters."""
    for pattern in _SECRET_VALUES:
        text = pattern.sub(REDACTED, text)
    text = escape_controls(text)
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"


def redact(value: Any, *, depth: int = 8) -> Any:
    """Return a copy of a value with secrets replaced, by name in mappings and by form in texts."""
    if depth == 0:
        return REDACTED
    if isinstance(value, Mapping):
        return {
            clean_text(str(key)): REDACTED
            if names_secret(str(key)) and item not in (None, "", True, False)
            else redact(item, depth=depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item, depth=depth - 1) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return REDACTED
    return clean_text(str(value))


def _redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {
        key: item if key.startswith("_") else redact({key: item})[clean_text(key)]
        for key, item in event.items()
    }


def configure_logs(*, json: bool, level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging to `stream` (standard error), in one form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared[:4], structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _redact_event,
            renderer,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "procrastinate", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers[:] = []
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # the access log is ours
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # a line for each claimed job says nothing
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def wants_json(setting: str, stream: TextIO | None = None) -> bool:
    """Decide the form: `auto` is text where a person reads along, else JSON."""
    return not (stream or sys.stderr).isatty() if setting == "auto" else setting == "json"
