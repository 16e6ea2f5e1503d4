"""``http_server``: takes events over HTTP; answers when they are accepted, or acknowledged if asked to."""

import asyncio
import base64
import gzip
import hmac
import io
import zlib
from fnmatch import fnmatch
from typing import Any, Literal
from urllib.parse import parse_qs

from vectorflow_engine.component import Context, Options, Source
from vectorflow_engine.encoding import DecodingOptions, FramingOptions, Malformed, decode, frames
from vectorflow_engine.events import Status
from vectorflow_engine.http_listener import HttpListener, Receive, Scope, Send, answer, read_body
from vectorflow_engine.vrl.timestamps import now

_MAX_BODY_BYTES = 100 * 1024 * 1024
_ANSWERS = {Status.DELIVERED: 0, Status.ERRORED: 500, Status.REJECTED: 400}


class BasicAuth(Options, frozen=True):
    """``auth``: who may send."""

    strategy: Literal["basic"]
    username: str
    password: str


class HttpServerOptions(Options, frozen=True):
    """Options of the ``http_server`` source."""

    address: str
    path: str = "/"
    path_key: str = "path"
    strict_path: bool = True
    method: Literal["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] = "POST"
    response_code: int = 200
    headers: tuple[str, ...] = ()
    query_parameters: tuple[str, ...] = ()
    host_key: str | None = None
    framing: FramingOptions | None = None
    decoding: DecodingOptions = DecodingOptions()
    auth: BasicAuth | None = None


class _Refused(Exception):
    """The request is answered with this status."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class HttpServerSource(Source):
    """One listener, one path, any number of clients; back-pressure is a late answer."""

    def __init__(self, context: Context, options: HttpServerOptions) -> None:
        super().__init__(context)
        self._options = options
        self._listener = HttpListener(f"source `{context.id}`", options.address, self._app)
        self._received_bytes = self.meter.counter("component_received_bytes_total")
        self._sending = 0
        self._handing_on = asyncio.Condition()

    async def open(self) -> None:
        """Listen; raises `StartError` when the address is taken."""
        await self._listener.start()

    async def run(self) -> None:
        """Requests come by themselves; this waits for the end and for what is half handed on."""
        await self.stopping.wait()
        async with self._handing_on:
            await self._handing_on.wait_for(lambda: not self._sending)

    async def close(self) -> None:
        """Let the last answers out."""
        await self._listener.stop()

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            status = await self._take(scope, receive)
        except _Refused as refused:
            self.meter.error("request_failed", "receiving", code=f"http_response_{refused.status}")
            await answer(send, refused.status, str(refused).encode())
        except ConnectionResetError:
            return
        else:
            await answer(send, status)

    async def _take(self, scope: Scope, receive: Receive) -> int:
        self._check(scope)
        body = await read_body(receive, _MAX_BODY_BYTES)
        if body is None:
            raise _Refused(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
        self._received_bytes.add(len(body))
        events = self._events(scope, _decompressed(scope, body))
        if not events:
            return self._options.response_code
        finished: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._sending += 1
        try:
            await self.send(events, lambda status: _settle(finished, status))
        finally:
            self._sending -= 1
            async with self._handing_on:
                self._handing_on.notify_all()
        status = _ANSWERS[await finished]
        if status:
            raise _Refused(status, "the events were not delivered")
        return self._options.response_code

    def _check(self, scope: Scope) -> None:
        options, path = self._options, scope["path"]
        if self.stopping.is_set():
            raise _Refused(503, "shutting down")
        wanted = options.path or "/"
        inside = path == wanted or path.startswith(wanted.rstrip("/") + "/")
        if not (path == wanted if options.strict_path else inside):
            raise _Refused(404, "not found")
        if scope["method"] != options.method:
            raise _Refused(405, "method not allowed")
        if options.auth is not None:
            pair = f"{options.auth.username}:{options.auth.password}".encode()
            wanted_header = b"Basic " + base64.b64encode(pair)
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, wanted_header):
                raise _Refused(401, "invalid username or password")

    def _events(self, scope: Scope, body: bytes) -> list[dict[str, Any]]:
        options = self._options
        common: dict[str, Any] = {
            options.path_key: scope["path"],
            "source_type": "http_server",
            "timestamp": now(),
        }
        if options.host_key and scope.get("client"):
            common[options.host_key] = scope["client"][0]
        for key, value in scope["headers"]:
            name = key.decode("latin-1")
            if any(fnmatch(name, pattern.lower()) for pattern in options.headers):
                common[name] = value.decode("utf-8", "replace")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        common |= {name: query[name][-1] for name in options.query_parameters if name in query}
        try:
            return [{**common, **event} for event in self._decoded(body)]
        except Malformed as error:
            raise _Refused(400, f"failed decoding the body: {error}") from None

    def _decoded(self, body: bytes) -> list[dict[str, Any]]:
        options = self._options
        try:
            return [
                event for part in frames(body, options.framing) for event in decode(part, options.decoding)
            ]
        except Malformed:
            if options.framing is not None:
                raise
            # Nobody said that each line is a document: it may be one, over several lines.
            return decode(body, options.decoding)


def _settle(finished: asyncio.Future[Status], status: Status) -> None:
    if not finished.done():  # the client may have gone
        finished.set_result(status)


def _decompressed(scope: Scope, body: bytes) -> bytes:
    encoding = dict(scope["headers"]).get(b"content-encoding", b"identity").decode("latin-1").lower()
    if encoding in ("", "identity"):
        return body
    try:
        if encoding == "gzip":
            with gzip.GzipFile(fileobj=io.BytesIO(body)) as stream:
                made = stream.read(_MAX_BODY_BYTES + 1)
        elif encoding == "deflate":
            made = zlib.decompressobj().decompress(body, _MAX_BODY_BYTES + 1)
        else:
            raise _Refused(415, f"content-encoding {encoding!r} is not supported")
    except (OSError, EOFError, zlib.error):
        raise _Refused(400, f"the body is no valid {encoding}") from None
    if len(made) > _MAX_BODY_BYTES:
        raise _Refused(413, f"the body is larger than {_MAX_BODY_BYTES} bytes")
    return made
