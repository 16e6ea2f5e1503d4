"""The engine's only way out over HTTP: one client per sink, options to headers and TLS."""

import ssl
from typing import Literal

import httpx2

from vectorflow_engine.component import Options, StartError
from vectorflow_engine.config.errors import ConfigError


class TlsOptions(Options, frozen=True):
    """``tls`` of an outgoing connection."""

    ca_file: str | None = None
    crt_file: str | None = None
    key_file: str | None = None
    key_pass: str | None = None
    verify_certificate: bool = True
    verify_hostname: bool = True


class AuthOptions(Options, frozen=True):
    """``auth`` of an outgoing request."""

    strategy: Literal["basic", "bearer", "custom"]
    user: str | None = None
    password: str | None = None
    token: str | None = None
    value: str | None = None

    def check(self) -> None:
        """Raises `ConfigError` when the strategy's own option is missing."""
        needed = {"basic": ("user", "password"), "bearer": ("token",), "custom": ("value",)}[self.strategy]
        for name in needed:
            if getattr(self, name) is None:
                raise ConfigError(f"option `auth.{name}` is required when strategy is {self.strategy}")


class Unreachable(Exception):
    """No answer: the connection failed or took too long. The message names no credentials."""


class HttpClient:
    """Sends bodies; keeps connections between requests."""

    def __init__(
        self,
        *,
        method: str,
        headers: dict[str, str],
        auth: AuthOptions | None,
        tls: TlsOptions | None,
        timeout: float,
        connections: int,
    ) -> None:
        """``timeout`` is for a whole request, in seconds. Raises `StartError` for unreadable TLS files."""
        self._method = method
        self._headers = dict(headers)
        basic = None
        if auth is not None and auth.strategy == "basic":
            basic = httpx2.BasicAuth(auth.user or "", auth.password or "")
        elif auth is not None:
            self._headers["authorization"] = f"Bearer {auth.token}" if auth.token else str(auth.value)
        self._client = httpx2.AsyncClient(
            auth=basic,
            verify=_context(tls or TlsOptions()),
            timeout=httpx2.Timeout(timeout),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
            follow_redirects=False,
        )

    async def send(self, uri: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of the answer; raises `Unreachable`."""
        merged = {"user-agent": "Vector/embedded", **headers, **self._headers}
        try:
            answer = await self._client.request(self._method, uri, content=body, headers=merged)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            raise Unreachable(f"{type(error).__name__}: {error}") from None
        return answer.status_code

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _context(tls: TlsOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=tls.ca_file)
        if tls.crt_file:
            context.load_cert_chain(tls.crt_file, tls.key_file, tls.key_pass)
    except (OSError, ssl.SSLError) as error:
        raise StartError(f"the TLS files cannot be used: {error.strerror or error}") from None
    if not tls.verify_hostname or not tls.verify_certificate:
        context.check_hostname = False
    if not tls.verify_certificate:
        context.verify_mode = ssl.CERT_NONE
    return context
