"""``http``: batches of events to a web address, at least once."""

import asyncio
import gzip
from collections.abc import Iterator
from typing import Literal

import msgspec

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Context, Options, Sink
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.encoding import EncodingOptions, FramingOptions, encoder
from vectorflow_engine.events import Batch, Status
from vectorflow_engine.sinks.delivery import Backoff, BatchOptions, Parcel
from vectorflow_engine.sinks.http_client import AuthOptions, HttpClient, TlsOptions, Unreachable
from vectorflow_engine.transforms.paths import fields_in, template

_ADAPTIVE_CONCURRENCY = 8
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_FOREVER = 2**63
_MAX_PARCELS = 100


class RequestOptions(Options, frozen=True):
    """``request``: how a request is made and repeated; times in seconds."""

    concurrency: Literal["adaptive", "none"] | int = "adaptive"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    timeout_secs: int = 60
    retry_attempts: int = _FOREVER
    retry_initial_backoff_secs: float = 1
    retry_max_duration_secs: float = 30
    retry_jitter_mode: Literal["Full", "None"] = "Full"

    @property
    def at_once(self) -> int:
        """How many requests may be under way; `adaptive` is a fixed number here."""
        return {"adaptive": _ADAPTIVE_CONCURRENCY, "none": 1}.get(str(self.concurrency)) or int(
            self.concurrency
        )


class RetryStrategy(Options, frozen=True):
    """``retry_strategy``: which answers are tried again."""

    type: Literal["default", "all", "none", "custom"] = "default"
    status_codes: list[int] | None = None

    def retries(self, status: int) -> bool:
        """Whether a request answered so is sent again."""
        if self.type == "custom":
            return status in (self.status_codes or ())
        if self.type == "default":
            return status in _RETRIED or (status > 501 and status < 600)
        return self.type == "all"


class HttpSinkOptions(Options, frozen=True):
    """Options of the ``http`` sink."""

    uri: str
    encoding: EncodingOptions
    method: Literal["delete", "get", "head", "options", "patch", "post", "put", "trace"] = "post"
    framing: FramingOptions | None = None
    batch: BatchOptions = BatchOptions()
    request: RequestOptions = RequestOptions()
    retry_strategy: RetryStrategy = RetryStrategy()
    auth: AuthOptions | None = None
    tls: TlsOptions | None = None
    compression: Literal["none", "gzip"] = "none"
    payload_prefix: str = ""
    payload_suffix: str = ""
    dangerously_allow_unconfined_template_resolution: bool = False

    def check(self) -> None:
        """Raises `ConfigError` for what no struct can say."""
        head = self.uri.partition("{{")[0]
        # `validate` leaves placeholders of secrets as they stand.
        if not self.uri.startswith(("http://", "https://", "SECRET[")):
            raise ConfigError("option `uri` must begin with http:// or https://")
        free = self.dangerously_allow_unconfined_template_resolution or not fields_in(self.uri)
        if not free and head.count("/") < 3:
            raise ConfigError("option `uri`: a template needs a literal host before its first field")
        if self.batch.max_events == 0 or self.batch.max_bytes == 0 or self.batch.timeout_secs <= 0:
            raise ConfigError("option `batch`: 0 is not accepted")
        if self.request.concurrency == 0 or self.request.timeout_secs < 1:
            raise ConfigError("option `request`: `concurrency` and `timeout_secs` must be at least 1")
        if self.auth is not None:
            self.auth.check()


class HttpSink(Sink):
    """Gathers events per address, sends requests side by side, repeats what may succeed later."""

    def __init__(self, context: Context, options: HttpSinkOptions) -> None:
        super().__init__(context)
        options.check()
        self._options = options
        self._encode = encoder(options.encoding)
        self._uri = template(options.uri)
        self._headers = _headers(options)
        self._parcels: dict[str, Parcel] = {}
        self._slots = asyncio.Semaphore(options.request.at_once)
        self._under_way: set[asyncio.Task[None]] = set()
        self._client: HttpClient | None = None

    async def open(self) -> None:
        """Prepare the client; raises `StartError` for unreadable TLS files."""
        options = self._options
        self._client = HttpClient(
            method=options.method.upper(),
            headers=options.request.headers,
            auth=options.auth,
            tls=options.tls,
            timeout=options.request.timeout_secs,
            connections=options.request.at_once,
        )

    async def close(self) -> None:
        """Give up what is under way (it stays unacknowledged) and close the client."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def run(self, inbox: Buffer) -> None:
        """Gather until full or due; at the end send what is left and wait for every answer."""
        loop = asyncio.get_running_loop()
        while True:
            due = min((parcel.deadline for parcel in self._parcels.values()), default=None)
            try:
                batch = await inbox.get(until=due)
            except TimeoutError:
                await self._send_due(loop.time())
                continue
            if batch is None:
                break
            await self._gather(batch, loop.time() + self._options.batch.timeout_secs)
            await self._send_due(loop.time())
        await self._send_due(float("inf"))
        await asyncio.gather(*self._under_way)

    async def _gather(self, batch: Batch, deadline: float) -> None:
        limits = self._options.batch
        for key, piece in self._pieces(batch):
            parcel = self._parcels.get(key)
            if parcel and limits.max_bytes is not None and parcel.size + len(piece) > limits.max_bytes:
                await self._send(key)
                parcel = None
            if parcel is None:
                if len(self._parcels) >= _MAX_PARCELS:
                    await self._send(next(iter(self._parcels)))
                parcel = self._parcels[key] = Parcel(key, deadline)
            if not parcel.batches or parcel.batches[-1].events is not batch.events:
                parcel.batches.append(batch.with_events(batch.events))
            parcel.add(piece)
            if len(parcel) == limits.max_events:
                await self._send(key)
        batch.release()

    def _pieces(self, batch: Batch) -> Iterator[tuple[str, bytes]]:
        for event in batch.events:
            key = self._uri({} if batch.metric else event)
            if key is None:
                self.meter.error("template_failed", "processing")
                self.meter.discarded(1, intentional=False)
                self.log.error('Failed to render template for "uri"; event discarded.')
            else:
                yield key, self._encode(event)

    async def _send_due(self, at: float) -> None:
        for key in [key for key, parcel in self._parcels.items() if parcel.deadline <= at]:
            await self._send(key)

    async def _send(self, key: str) -> None:
        """Start a request; waits while as many as allowed are under way."""
        await self._slots.acquire()
        task = asyncio.create_task(self._deliver(self._parcels.pop(key)))
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._slots.release()

    async def _deliver(self, parcel: Parcel) -> None:
        request = self._options.request
        body = self._body(parcel)
        backoff = Backoff(
            request.retry_initial_backoff_secs, request.retry_max_duration_secs, request.retry_jitter_mode
        )
        for _ in range(min(request.retry_attempts, _FOREVER - 1) + 1):
            outcome = await self._attempt(parcel, body)
            if outcome is not None:
                parcel.release(outcome)
                return
            await asyncio.sleep(backoff.next())
        self._give_up(parcel, "retries are exhausted")
        parcel.release(Status.ERRORED)

    async def _attempt(self, parcel: Parcel, body: bytes) -> Status | None:
        """One request: how it ended, None to try again."""
        assert self._client is not None  # noqa: S101 - open comes first
        try:
            async with asyncio.timeout(self._options.request.timeout_secs):
                status = await self._client.send(parcel.key, body, self._headers)
        except (Unreachable, TimeoutError) as error:
            self.meter.error("request_failed", "sending")
            self.log.warning("Retrying after error. error=%s", error or "timed out")
            return None
        if 200 <= status < 300:
            self.sent.add_counted(len(parcel), parcel.size)
            self.sent_bytes.add(len(body))
            return Status.DELIVERED
        self.meter.error("request_failed", "sending", code=f"http_response_{status}")
        if self._options.retry_strategy.retries(status):
            self.log.warning("Retrying after response. status=%s", status)
            return None
        self._give_up(parcel, f"the answer was {status}")
        return Status.REJECTED

    def _give_up(self, parcel: Parcel, reason: str) -> None:
        self.meter.discarded(len(parcel), intentional=False)
        self.log.error("Events dropped. count=%s reason=%s", len(parcel), reason)

    def _body(self, parcel: Parcel) -> bytes:
        options = self._options
        prefix, suffix = options.payload_prefix.encode(), options.payload_suffix.encode()
        if options.framing is None and options.encoding.codec == "json":
            body = b"[" + b",".join(parcel.pieces) + b"]"
        else:
            separator = b"\n" if options.framing is None else options.framing.separator
            body = separator.join(parcel.pieces) + (b"\n" if separator == b"\n" else b"")
        body = prefix + body + suffix
        return gzip.compress(body, 6) if options.compression == "gzip" else body


def _headers(options: HttpSinkOptions) -> dict[str, str]:
    plain = options.encoding.codec != "json"
    lines = options.framing is not None
    kind = "text/plain" if plain else ("application/x-ndjson" if lines else "application/json")
    headers = {"content-type": kind}
    if options.compression == "gzip":
        headers["content-encoding"] = "gzip"
    return headers
