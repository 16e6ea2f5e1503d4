"""Whether the gateway can be reached, and if not, at which step it ends: each step is tried by itself."""

import asyncio
import os
import socket
import ssl
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import SplitResult, urlsplit

from vectorflow_agent.doctor.catalogue import finding
from vectorflow_agent.doctor.types import Fact, Finding
from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.client import Answered, GatewayError, gateway_of
from vectorflow_agent.shell.disk import Layout
from vectorflow_agent.shell.identity import Enrolment, enrolment_read

_STEP_SECONDS: Final = 10.0
_SKEW_SECONDS: Final = 300.0
_PORTS: Final = {"http": 80, "https": 443}
# OpenSSL's numbers for why a certificate was not believed.
_EXPIRED: Final = frozenset({9, 10})
_OTHER_NAME: Final = frozenset({62, 63, 64})


async def look_at_gateway(settings: Settings) -> list[Fact | Finding]:
    """Name, connection, encryption, answer, token and clock, up to the first step that fails."""
    parts = urlsplit(settings.url)
    if parts.scheme not in _PORTS or not parts.hostname:
        # Told about as a wrong setting.
        return []
    return [said async for said in _steps(settings, parts)]


async def _steps(settings: Settings, parts: SplitResult) -> AsyncIterator[Fact | Finding]:
    proxy = _proxy(parts)
    if proxy is not None:
        yield Fact("gateway", f"asked through the proxy {proxy.hostname}:{proxy.port or 80}")
    problem = await _connected(proxy or parts)
    if problem is not None:
        yield finding("gateway.proxy", problem.detail) if proxy is not None else problem
        return
    if proxy is None and parts.scheme == "https" and (problem := await _encrypted(settings, parts)):
        yield problem
        return
    enrolment = _enrolment(settings)
    before = time.time()
    try:
        answered = await _asked(settings, enrolment)
    except GatewayError as error:
        yield finding("gateway.proxy" if proxy is not None else "gateway.silent", str(error))
        return
    if skew := _skew(answered, (before + time.time()) / 2):
        yield skew
    yield _verdict(settings, answered, enrolment is not None)


def _proxy(parts: SplitResult) -> SplitResult | None:
    """The proxy that the environment names for this address, as the agent's client takes it."""
    host = parts.hostname or ""
    if urllib.request.proxy_bypass(host):
        return None
    proxies = urllib.request.getproxies_environment()
    named = proxies.get(parts.scheme) or proxies.get("all")
    if not named:
        return None
    proxy = urlsplit(named if "://" in named else f"http://{named}")
    return proxy if proxy.hostname else None


async def _connected(parts: SplitResult) -> Finding | None:
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_STEP_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        said = error.strerror if isinstance(error, socket.gaierror) else "no answer in time"
        return finding("gateway.dns", f"{host}: {said}")
    addresses = ", ".join(dict.fromkeys(str(each[4][0]) for each in found))
    try:
        async with asyncio.timeout(_STEP_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return finding("gateway.tcp", f"{host} ({addresses}) port {port}: timed out")
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else "refused by all addresses"
        return finding("gateway.tcp", f"{host} ({addresses}) port {port}: {said}")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None


async def _encrypted(settings: Settings, parts: SplitResult) -> Finding | None:
    name = f"{parts.hostname}:{parts.port or 443}"
    try:
        context = ssl.create_default_context()
        if settings.ca_file:
            context.load_verify_locations(cafile=settings.ca_file)
    except OSError as error:
        return finding("settings.invalid", f"{settings.ca_file} cannot be used: {error.strerror or error}")
    try:
        async with asyncio.timeout(_STEP_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context)
    except ssl.SSLCertVerificationError as error:
        kind = "gateway.tls-untrusted"
        if error.verify_code in _EXPIRED:
            kind = "gateway.tls-expired"
        elif error.verify_code in _OTHER_NAME:
            kind = "gateway.tls-name"
        return finding(kind, f"{name}: {error.verify_message}")
    except TimeoutError:
        return finding("gateway.tls", f"{name}: timed out")
    except OSError as error:
        return finding("gateway.tls", f"{name}: {error.strerror or error}")
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return None


def _enrolment(settings: Settings) -> Enrolment | None:
    try:
        return enrolment_read(Layout(settings.state))
    except (OSError, ValueError):
        return None


async def _asked(settings: Settings, enrolment: Enrolment | None) -> Answered:
    gateway = gateway_of(settings)
    try:
        return await gateway.probe(enrolment.node_token if enrolment else "none", seconds=_STEP_SECONDS)
    finally:
        await gateway.close()


def _skew(answered: Answered, now: float) -> Finding | None:
    try:
        theirs = parsedate_to_datetime(answered.date).timestamp()
    except ValueError:
        return None
    offset = now - theirs
    if abs(offset) <= _SKEW_SECONDS:
        return None
    return finding("clock.skew", f"this clock is {abs(offset):.0f} s {'ahead' if offset > 0 else 'behind'}")


def _verdict(settings: Settings, answered: Answered, enrolled: bool) -> Fact | Finding:
    said = f"{settings.url} answered {answered.status} {answered.problem}".strip()
    if answered.status == 401 and not enrolled:
        # Without an enrolment it can only say no: the gateway is there.
        return Fact("gateway", f"{settings.url} answers")
    if answered.status in {200, 304}:
        if enrolled:
            return Fact("gateway", f"{settings.url} answers and accepts the token")
        return finding("gateway.other", f"{said} to a token that is none")
    if answered.status == 401:
        return finding("gateway.unauthorized", said)
    if answered.status in {403, 407}:
        return finding("gateway.forbidden", said)
    if answered.status == 429 or answered.status >= 500:
        return finding("gateway.unavailable", said)
    return finding("gateway.other", said)
