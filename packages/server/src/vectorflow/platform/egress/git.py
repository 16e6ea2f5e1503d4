"""Sockets for git, which works in a thread of its own: vetted and opened on the loop, then handed over."""

import asyncio
import concurrent.futures
import socket

from vectorflow.platform.egress.destination import parse_destination
from vectorflow.platform.egress.dialer import Dialer
from vectorflow.platform.egress.errors import EgressTimedOut
from vectorflow.platform.egress.policy import Kind

_GRACE_SECONDS = 5.0


class GitSockets:
    """The connection factory for a blocking git client. Make it on the loop, call it from other threads.

    TLS is the client's: it must wrap the socket with the host's name and a context of `egress.trust`.
    """

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._loop = asyncio.get_running_loop()

    def connect(self, host: str, port: int = 443) -> socket.socket:
        """Return a connected, blocking socket with a timeout; raises the errors of `egress.errors`."""
        pending = asyncio.run_coroutine_threadsafe(self.open(host, port), self._loop)
        seconds = self._dialer.limits.total_seconds
        try:
            # The call ends by its own deadline; waiting longer is for a loop that has stopped.
            opened = pending.result(seconds + _GRACE_SECONDS)
        except concurrent.futures.TimeoutError:
            pending.cancel()
            raise EgressTimedOut from None
        opened.settimeout(seconds)
        return opened

    async def open(self, host: str, port: int = 443) -> socket.socket:
        """Return a connected, non-blocking socket; for callers on the loop."""
        destination = parse_destination(host, port)
        async with self._dialer.call(Kind.GIT, destination):
            return await self._dialer.connect(await self._dialer.vet(Kind.GIT, destination))
