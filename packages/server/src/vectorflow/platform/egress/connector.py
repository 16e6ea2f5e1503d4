"""Sockets to vetted addresses, directly or through the operator's proxy. The only place that connects."""

import asyncio
import re
import socket
from contextvars import ContextVar
from ipaddress import IPv4Address, ip_address

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.egress.addresses import Address
from vectorflow.platform.egress.destination import authority
from vectorflow.platform.egress.errors import EgressFailed, EgressRefused, EgressTimedOut
from vectorflow.platform.egress.policy import EgressLimits, EgressPolicy, EgressProxy
from vectorflow.platform.egress.vetting import Vetted, Vetter

MAX_ATTEMPTS = 4  # addresses of one answer that are tried
_MAX_PROXY_ANSWER = 8192  # bytes
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (?P<status>[0-9]{3})[ \r]")

# What the running task connects to, set only while it does. Tests compare each connect of the process with it.
vetted_target: ContextVar[tuple[str, int] | None] = ContextVar("vetted_target", default=None)


class Connector:
    """Opens TCP connections to vetted addresses, and to nothing else."""

    def __init__(self, policy: EgressPolicy, vetter: Vetter) -> None:
        self._policy = policy
        self._vetter = vetter

    async def connect(self, vetted: Vetted, limits: EgressLimits) -> socket.socket:
        """Return a connected, non-blocking socket that the caller owns.

        Raises `EgressFailed` or `EgressTimedOut` when no address answers.
        """
        proxy = self._proxy_for(vetted)
        if proxy is None:
            return await _first(vetted, limits)
        through = await self._vetter.vet_proxy(proxy.destination, limits)
        error: VectorFlowError = EgressFailed()
        for address in _in_turns(vetted.addresses)[:MAX_ATTEMPTS]:
            try:
                opened = await _first(through, limits)
            except (EgressFailed, EgressTimedOut):
                # Whoever asked has no business with the proxy's name.
                raise EgressFailed("The proxy that the operator set could not be reached.") from None
            try:
                async with asyncio.timeout(limits.connect_seconds):
                    await _tunnel(opened, proxy, address, vetted.destination.port)
            except TimeoutError:
                opened.close()
                error = EgressTimedOut("The proxy did not answer in time.")
            except (OSError, EgressFailed):
                opened.close()
                error = EgressFailed("The proxy did not open the connection.")
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        raise error

    def _proxy_for(self, vetted: Vetted) -> EgressProxy | None:
        host, port = vetted.destination.host, vetted.destination.port
        for rule in self._policy.direct:
            named = all(rule.covers(host, address) for address in vetted.addresses)
            if named and rule.port in (None, port):
                return None
        return self._policy.proxy


async def _first(vetted: Vetted, limits: EgressLimits) -> socket.socket:
    """Connect to the first address that answers; families take turns, so that a dead one costs one attempt."""
    name = vetted.destination.host
    error: VectorFlowError = EgressFailed(f"{name} could not be reached.")
    for address in _in_turns(vetted.addresses)[:MAX_ATTEMPTS]:
        try:
            async with asyncio.timeout(limits.connect_seconds):
                return await _open(address, vetted.destination.port)
        except TimeoutError:
            error = EgressTimedOut(f"{name} did not answer in time.")
        except OSError:
            error = EgressFailed(f"{name} could not be reached.")
    raise error


def _in_turns(addresses: tuple[Address, ...]) -> list[Address]:
    families = [[each for each in addresses if each.version == version] for version in (4, 6)]
    if addresses and addresses[0].version == 6:
        families.reverse()
    # Python's sort is stable: the n-th of each family come together, in the resolver's order.
    return [
        each
        for _, each in sorted(
            ((turn, each) for family in families for turn, each in enumerate(family)),
            key=lambda pair: pair[0],
        )
    ]


async def _open(address: Address, port: int) -> socket.socket:
    family = socket.AF_INET if isinstance(address, IPv4Address) else socket.AF_INET6
    opened = socket.socket(family, socket.SOCK_STREAM)
    mark = vetted_target.set((str(address), port))
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(opened, (str(address), port))
        # Nothing can have gone elsewhere; if the system disagrees, something rewrites connections.
        if ip_address(opened.getpeername()[0].partition("%")[0]) != address:
            raise EgressRefused("The connection did not lead to the address that was vetted.")
    except BaseException:
        opened.close()
        raise
    finally:
        vetted_target.reset(mark)
    return opened


async def _tunnel(opened: socket.socket, proxy: EgressProxy, address: Address, port: int) -> None:
    """Ask the proxy for a connection to the vetted address; the proxy never learns nor resolves the name."""
    loop = asyncio.get_running_loop()
    target = authority(str(address), port)
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(opened, "\r\n".join([*lines, "", ""]).encode("ascii"))
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # One byte at a time: what follows the answer belongs to the other side, which may speak first.
        byte = await loop.sock_recv(opened, 1)
        answer += byte
        if not byte or len(answer) > _MAX_PROXY_ANSWER:
            raise EgressFailed("The proxy broke off.")
    match = _STATUS_LINE.match(answer)
    if match is None or not match["status"].startswith(b"2"):
        raise EgressFailed("The proxy refused the connection.")
