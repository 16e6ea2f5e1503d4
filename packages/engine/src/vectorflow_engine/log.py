"""Log lines to standard error, shaped like Vector's, one line each, without secrets.

A message that repeats within ten seconds is suppressed and counted, as Vector does.
"""

import datetime
import logging
import sys
import time

_LEVELS = {"WARNING": "WARN", "CRITICAL": "ERROR"}
_REPEAT_SECONDS = 10.0
_secrets: set[str] = set()

logger = logging.getLogger("vectorflow_engine")


def hide(values: tuple[str, ...]) -> None:
    """Never write these values."""
    _secrets.update(value for value in values if value)


def clean(text: str) -> str:
    """``text`` on one line, control characters escaped, secrets replaced."""
    for value in sorted(_secrets, key=len, reverse=True):
        text = text.replace(value, "[REDACTED]")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def clean_lines(text: str) -> str:
    """As `clean`, but lines stay lines."""
    return "\n".join(clean(line) for line in text.split("\n"))


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="microseconds")
        level = _LEVELS.get(record.levelname, record.levelname)
        span = getattr(record, "span", "")
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" error={record.exc_info[1]!r}"
        return clean(f"{at[:-6]}Z {level:>5} {span}vectorflow_engine: {text}")


class _Repeats(logging.Filter):
    """Lets a message through once in ten seconds, then says how many it held back."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        key = (getattr(record, "span", ""), str(record.msg))
        at, held = self._seen.get(key, (float("-inf"), 0))
        if time.monotonic() - at < _REPEAT_SECONDS:
            self._seen[key] = (at, held + 1)
            return False
        if len(self._seen) > 1_000:
            self._seen.clear()
        self._seen[key] = (time.monotonic(), 0)
        if held:
            record.msg = f"{record.msg} ({held} like this were not shown)"
        return True


class ComponentLog(logging.LoggerAdapter[logging.Logger]):
    """The engine's log with the component named on every line."""

    def __init__(self, component_id: str, kind: str, component_type: str) -> None:
        span = (
            f'{kind}{{component_kind="{kind}" component_id={component_id} component_type={component_type}}}: '
        )
        super().__init__(logger, {"span": span})


def start(level: int = logging.INFO) -> None:
    """Write to standard error from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    handler.addFilter(_Repeats())
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False
    logging.raiseExceptions = False
