"""Telling failures apart by what the engine or the system said."""

import re
import signal
from collections.abc import Sequence
from typing import Final

from vectorflow_wire.messages import ReportReason

CONFIG_ERROR_EXIT: Final = 78

_SAID: Final = (
    (
        ReportReason.PORT_IN_USE,
        re.compile(r"address (?:is )?already in use|os error (?:98|48)\b|errno (?:98|48)\b|eaddrinuse", re.I),
    ),
    (
        ReportReason.DISK_FULL,
        re.compile(r"no space left|disk full|quota exceeded|os error (?:28|122)\b|errno (?:28|122)\b", re.I),
    ),
    (
        ReportReason.PERMISSION_DENIED,
        re.compile(r"permission denied|not permitted|os error (?:13|1)\b|errno (?:13|1)\b", re.I),
    ),
)
_ERRNO: Final = {
    1: ReportReason.PERMISSION_DENIED,
    13: ReportReason.PERMISSION_DENIED,
    28: ReportReason.DISK_FULL,
    122: ReportReason.DISK_FULL,
    98: ReportReason.PORT_IN_USE,
    48: ReportReason.PORT_IN_USE,
}
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LINES: Final = 20
_LINE_LENGTH: Final = 500


def reason_of(output: Sequence[str], exit_code: int | None) -> str:
    """The most telling reason code for a start or check that failed."""
    text = "\n".join(output)
    for reason, pattern in _SAID:
        if pattern.search(text):
            return reason
    if exit_code is not None and exit_code < 0:
        return ReportReason.KILLED
    return ReportReason.CONFIG_INVALID if exit_code == CONFIG_ERROR_EXIT else ReportReason.EXITED


def reason_of_error(error: OSError) -> str:
    """The reason code for a system error of the agent itself."""
    return _ERRNO.get(error.errno or 0, ReportReason.NOT_HEALTHY)


def exit_words(exit_code: int | None) -> str:
    """How a process ended, in words."""
    if exit_code is None:
        return "the engine ended; its exit code is unknown, because an earlier agent had started it"
    if exit_code < 0:
        try:
            name = signal.Signals(-exit_code).name
        except ValueError:
            name = f"signal {-exit_code}"
        return f"the engine was killed by {name}"
    return f"the engine ended by itself with exit code {exit_code}"


def clean_lines(text: str, secrets: Sequence[str] = ()) -> tuple[str, ...]:
    """The last lines of an engine's output: no control characters, no secret, bounded in size.

    `secrets` are values (as they stand in the document, escaped or not) to be blotted out.
    """
    for secret in sorted((value for value in secrets if len(value) >= 4), key=len, reverse=True):
        text = text.replace(secret, "[secret]")
    lines = [_printable(line) for line in _ANSI.sub("", text).splitlines()]
    return tuple(line[:_LINE_LENGTH] for line in lines if line.strip())[-_LINES:]


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line).rstrip()
