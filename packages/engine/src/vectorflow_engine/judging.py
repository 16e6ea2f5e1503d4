"""``vectorflow-engine judge``: which events fulfil a condition, told to a program that must never wait for one.

It reads lines of JSON: first the condition, a string, then lists of events. The first is answered by an object,
empty or with what is wrong as ``error``, each list by a list of booleans. What takes too long ends the process.
"""

import signal
from typing import Any, BinaryIO, Final

import msgspec

from vectorflow_engine.vrl import Condition, VrlError
from vectorflow_engine.vrl.worker import limit

MEMORY_BYTES: Final = 512 * 1024 * 1024
SECONDS: Final = 5.0
_COMPLAINT: Final = 500

_events = msgspec.json.Decoder(list[dict[str, Any]])


def judge(source: BinaryIO, target: BinaryIO) -> int:
    """Answer until the input ends; gives the exit code."""
    # Before the door is closed: what VRL loads only when it first runs.
    Condition('.at == "x"').matches({"at": "2030-01-01T00:00:00Z"})
    limit(MEMORY_BYTES, sealed=True)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        condition = Condition(msgspec.json.decode(source.readline(), type=str), service=True)
    except VrlError as error:
        first = error.diagnostics[0].message if error.diagnostics else "it does not compile"
        _say(target, {"error": first[:_COMPLAINT]})
        return 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    _say(target, {})
    while line := source.readline():
        # Nobody handles it: it ends the process, in the middle of a program too.
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        _say(target, [condition.matches(event) for event in _events.decode(line)])
        signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


def _say(target: BinaryIO, answer: object) -> None:
    target.write(msgspec.json.encode(answer) + b"\n")
    target.flush()
