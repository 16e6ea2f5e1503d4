"""Requests that only read. The database refuses their transactions every change, and every lock on a row.

A reader never waits for somebody who changes the same thing, nor holds anybody up; and a request that a browser
sends without being asked (a GET) changes nothing, whatever its route forgot.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Tasks that such a request starts only read as well: the one that streams its answer, above all.
_only: ContextVar[bool] = ContextVar("only_reads", default=False)


@contextmanager
def afresh() -> Iterator[None]:
    """Begin without what was said before, and let what is said inside end with it."""
    token = _only.set(False)
    try:
        yield
    finally:
        _only.reset(token)


def only_reads() -> None:
    """Have every transaction only read that begins from here on."""
    _only.set(True)


def reads_only() -> bool:
    """Tell whether a transaction that begins here may only read."""
    return _only.get()
