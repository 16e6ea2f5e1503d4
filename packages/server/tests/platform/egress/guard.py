"""Fails a test that opens a connection which egress has not vetted.

Python tells an audit hook of every socket that connects. While a guard is on, a connection is let through when
it goes to a Unix socket, to the very address that `egress.connector` has vetted and connects to at this moment,
or to a loopback address (databases and servers of tests), unless the guard is strict. Anything else is refused
on the spot, and remembered, so that code which swallows the error does not hide it.

What it cannot see: connections opened in C without Python's sockets, as libpq and uvloop's own transports do.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import pytest

from vectorflow.platform.egress.connector import vetted_target

_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_guards: list["Guard"] = []


class UnvettedConnection(PermissionError):
    """A socket was about to go where egress has not looked."""


class Guard:
    """What one block or test may connect to, and where it went without leave."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict
        self.unvetted: list[str] = []

    def check(self, address: object) -> None:
        """Let one address through, or remember and refuse it."""
        if not isinstance(address, tuple):
            return  # Unix sockets have a path, connected datagrams nothing
        host, port = str(address[0]), int(address[1])
        if vetted_target.get() == (host, port) or (not self.strict and is_loopback(host)):
            return
        self.unvetted.append(f"{host}:{port}")
        raise UnvettedConnection(f"{host}:{port} was not vetted by egress")


def is_loopback(host: str) -> bool:
    """Tell whether a socket's address is of this machine alone; a name is not an address."""
    try:
        return ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if event in _EVENTS and _guards:
        _guards[-1].check(arguments[1])


# A hook can never be taken away again; without a guard it does nothing.
sys.addaudithook(_hook)


@contextmanager
def guarding(*, strict: bool = False) -> Iterator[Guard]:
    """Guard a block; raises AssertionError at its end when something went out unvetted."""
    guard = Guard(strict=strict)
    _guards.append(guard)
    try:
        yield guard
    finally:
        _guards.remove(guard)
    assert not guard.unvetted, f"connections that egress did not vet: {', '.join(guard.unvetted)}"


@pytest.fixture
def egress_guard() -> Iterator[Guard]:
    """Guard the whole test, loopback left free."""
    with guarding() as guard:
        yield guard


@pytest.fixture
def strict_egress_guard() -> Iterator[Guard]:
    """Guard the whole test, loopback too: for tests whose every connection is egress's own."""
    with guarding(strict=True) as guard:
        yield guard
