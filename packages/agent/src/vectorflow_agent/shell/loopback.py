"""Questions to engines on the loopback address, over HTTP: no proxy or netrc is used, and no redirect followed."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2

from vectorflow_agent.core import observability


class Loopback:
    """Questions to engines on this machine: are you healthy, what did you count."""

    def __init__(self) -> None:
        self._client = _client()

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def healthy(self, port: int) -> bool:
        """Whether the engine's API on this port says it is healthy."""
        try:
            response = await self._client.get(f"http://127.0.0.1:{port}/health")
        except httpx2.HTTPError:
            return False
        return response.status_code == 200

    async def components(self, port: int, version: str, *, embedded: bool = False) -> frozenset[str] | None:
        """Ids of the components that the engine's API on this port knows, or None when it does not say."""
        base = f"http://127.0.0.1:{port}"
        try:
            if embedded:
                headers = {"content-type": "application/grpc-web+proto"}
                request = observability.components_request()
                url = base + observability.GRPC_PATH
                response = await self._client.post(url, content=request, headers=headers)
                return observability.components_of_grpc(response.content)
            if observability.speaks_grpc(version):
                headers = {"content-type": "application/grpc", "te": "trailers"}
                request = observability.components_request()
                # Asked once a hand-over: a connection that is kept open could be another engine's next time.
                async with _client(http2=True) as grpc:
                    url = base + observability.GRPC_PATH
                    response = await grpc.post(url, content=request, headers=headers)
                return observability.components_of_grpc(response.content)
            query = {"query": observability.GRAPHQL_QUERY}
            response = await self._client.post(base + observability.GRAPHQL_PATH, json=query)
            return observability.components_of_graphql(response.json())
        except (httpx2.HTTPError, ValueError):
            return None

    @asynccontextmanager
    async def grpc_stream(
        self, port: int, path: str, body: bytes, *, http2: bool
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Call a method that answers with a stream, as gRPC, or as gRPC-Web without HTTP/2.

        Raises httpx2.HTTPError, and ValueError when the engine has no such method.
        """
        kind = "application/grpc" if http2 else "application/grpc-web+proto"
        headers = {"content-type": kind, "te": "trailers"} if http2 else {"content-type": kind}
        timeout = httpx2.Timeout(2.0, read=None)
        async with (
            _client(http2=http2) as client,
            client.stream(
                "POST", f"http://127.0.0.1:{port}{path}", content=body, headers=headers, timeout=timeout
            ) as response,
        ):
            if response.status_code != 200 or response.headers.get("grpc-status", "0") == "12":
                raise ValueError("the engine has no such method")
            yield response.aiter_bytes()

    async def metrics(self, port: int) -> str | None:
        """The engine's exposition, or None when it does not answer."""
        try:
            response = await self._client.get(f"http://127.0.0.1:{port}/metrics")
        except httpx2.HTTPError:
            return None
        return response.text if response.status_code == 200 else None


def _client(*, http2: bool = False) -> httpx2.AsyncClient:
    # A context without certificates: they take memory, and mean nothing on plain HTTP.
    return httpx2.AsyncClient(
        timeout=2.0,
        trust_env=False,
        follow_redirects=False,
        verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        http1=not http2,
        http2=http2,
    )
