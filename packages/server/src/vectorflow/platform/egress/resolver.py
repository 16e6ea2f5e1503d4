"""Names to addresses: the protocol, and the system's resolver behind bounded threads of its own."""

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from vectorflow.platform.egress.addresses import Address


class Resolver(Protocol):
    """Something that answers with the addresses of a canonical host name, of both families."""

    async def resolve(self, host: str) -> Sequence[Address]:
        """Return all addresses; an empty answer or OSError when there are none."""
        ...

    async def aclose(self) -> None:
        """Let go of what was held."""
        ...


class SystemResolver:
    """The operating system's resolver: hosts file, search domains, name servers.

    Its calls block and cannot be ended, so they have threads of their own: names of slow servers take up
    these, and never the threads of the rest of the program.
    """

    def __init__(self, threads: int = 32) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="egress-resolver")
        self._slots = asyncio.Semaphore(threads)

    async def resolve(self, host: str) -> Sequence[Address]:
        """Return all addresses in the system's order of preference; raises OSError without any."""
        loop = asyncio.get_running_loop()
        await self._slots.acquire()

        def release(_: object) -> None:
            # A caller may give up, and the loop may be gone, before the thread is free again.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(self._slots.release)

        lookup = self._executor.submit(_lookup, host)
        lookup.add_done_callback(release)
        return await asyncio.wrap_future(lookup)

    async def aclose(self) -> None:
        """Take no further names; running look-ups end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def _lookup(host: str) -> list[Address]:
    # As bytes: a text would go through Python's old IDNA codec, which reads some names differently.
    answer = socket.getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(str(sockaddr[0])) for *_, sockaddr in answer))
