"""What a tap sends: numbered batches of events, redacted on the node, and why it ended.

A batch is the body of `POST /agent/v1/taps/{tap}/events`, JSON compressed with gzip, sent again with the
same number until it is answered. A number that was taken before is answered and changes nothing.
"""

from typing import Final

import msgspec

TAPS_PATH: Final = "/agent/v1/taps/"
TAP_EVENTS: Final = "/events"
MOST_BATCH_BYTES: Final = 1024 * 1024
"""The most that a batch may hold, before and after compression."""


def tap_events_path(tap: str) -> str:
    """Where the events of a tap go."""
    return f"{TAPS_PATH}{tap}{TAP_EVENTS}"


class TapOperator:
    """Known values of `TapCondition.operator`."""

    EQUALS: Final = "eq"
    DIFFERS: Final = "ne"
    CONTAINS: Final = "contains"
    LESS: Final = "lt"
    MORE: Final = "gt"
    EXISTS: Final = "exists"
    MISSING: Final = "missing"
    VRL: Final = "vrl"
    """`value` is a condition in VRL on the whole event; one of a tap at most. Agents that cannot judge it refuse the tap."""


class TapCondition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A condition on one field: `path` as in VRL without quotes (`.http.status`), compared as text or as number.

    It sees the event as it is sent, after redaction, so that nobody can ask for what they may not see.
    """

    path: str
    operator: str
    value: str = ""


class TapEnd:
    """Known values of `TapBatch.ended`."""

    TIME: Final = "time"
    """The time that was asked for is over."""
    MOST_EVENTS: Final = "most-events"
    COMPONENT_GONE: Final = "component-gone"
    """The engine has no such output, or not any more."""
    NOT_RUNNING: Final = "not-running"
    """No engine of the pipeline runs here."""
    NOT_SUPPORTED: Final = "not-supported"
    """The engine does not answer taps."""
    CONDITION_FAILED: Final = "condition-failed"
    """The condition in VRL could not be judged, several times in a row."""
    AGENT_ENDED: Final = "agent-ended"


class TapEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event that left an output. `at` is the agent's time in epoch ms; `port` is empty when it is not known.

    `cut`: parts were left out because it was too large. `binary`: it held bytes that are no text.
    `redacted` counts the values that were replaced.
    """

    at: int
    component: str
    kind: str
    event: msgspec.Raw
    port: str = ""
    cut: bool = False
    binary: bool = False
    redacted: int = 0


class TapBatch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Events since the last batch; the counts are of the whole tap so far.

    `taken`: the engine gave so many, itself sampling. `matched`: so many fulfilled the conditions.
    `dropped`: of those, not sent, for the rate or because the queue was full.
    """

    sequence: int
    at: int
    events: tuple[TapEvent, ...] = ()
    taken: int = 0
    matched: int = 0
    dropped: int = 0
    ended: str = ""


class TapAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a batch. `go_on` is false when nobody wants more."""

    go_on: bool = True
