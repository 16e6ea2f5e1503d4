"""The agents' gateway: a plain ASGI application over the rooms fleet and telemetry.

The order of every call: form and slugs of the token, the token from memory, then the body. Holds no signing key
and cannot open a node's secrets.
"""

import asyncio
import contextlib
import gc
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import msgspec
import structlog

from vectorflow.entry.agent_calls import (
    Call,
    ServerUnavailable,
    body_of,
    call_of,
    decoded,
    refuse,
)
from vectorflow.entry.release_answers import answer_release
from vectorflow.entry.stream_answers import answer_stream
from vectorflow.fleet import topics
from vectorflow.fleet.authority import AgentTokens
from vectorflow.fleet.desired import REFRESH_SECONDS, DesiredBook
from vectorflow.fleet.engines import EngineBook
from vectorflow.fleet.enrolment import Enrolment
from vectorflow.fleet.errors import AgentRequestInvalid, FileNotNamed, ReleasesMissing
from vectorflow.fleet.found import FoundIntake
from vectorflow.fleet.intake import Reported, ReportIntake
from vectorflow.fleet.machines import MachineIntake
from vectorflow.fleet.present import pipeline_id_of
from vectorflow.fleet.release_shelf import ReleaseShelf
from vectorflow.fleet.renewal import Renewal
from vectorflow.fleet.statement_book import StatementBook
from vectorflow.fleet.streams import Streams, Told
from vectorflow.fleet.telling import DesiredNews
from vectorflow.fleet.types import NodeAuthority
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.ids import parse_id
from vectorflow.keys.signing import SigningService
from vectorflow.library.service import EngineSchemaService
from vectorflow.library.types import MOST_SCHEMA_BYTES
from vectorflow.platform.bus import Bus
from vectorflow.platform.database import Database, DatabaseUnavailable
from vectorflow.platform.http.asgi import Receive, Scope, Send, answer
from vectorflow.platform.http.context import ProxyTrust
from vectorflow.platform.http.problems import NoSuchPageError
from vectorflow.telemetry import heartbeats
from vectorflow.telemetry.ingest import Ingest
from vectorflow.telemetry.logs.intake import LogIntake
from vectorflow.telemetry.taps.intake import TapIntake
from vectorflow_wire import tokens
from vectorflow_wire.found import FOUND_PATH, MOST_FOUND_BYTES, FoundVectors
from vectorflow_wire.logs import LOGS_PATH, MOST_BATCH_BYTES
from vectorflow_wire.messages import (
    DESIRED_PATH,
    ENROLL_PATH,
    FILES_PATH,
    HEARTBEAT_PATH,
    MACHINE_PATH,
    REPORTS_PATH,
    SCHEMAS_PATH,
    STREAM_PATH,
    DesiredHint,
    EnrollRequest,
    HeartbeatAnswer,
    Intervals,
    Machine,
    ReportsRequest,
)
from vectorflow_wire.releases import RELEASES_PATH
from vectorflow_wire.renewal import CHALLENGE_PATH, ROTATE_PATH, ChallengeRequest, RotateRequest
from vectorflow_wire.taps import MOST_BATCH_BYTES as MOST_TAP_BYTES
from vectorflow_wire.taps import TAP_EVENTS, TAPS_PATH

log = structlog.get_logger()
Handler = Callable[[Call], Awaitable[None]]

JSON = "application/json"
KEEP_ALIVE_SECONDS = 15.0
_LOOK_SECONDS = 0.25
_COLLECT = (50_000, 20, 200)
_SHA256_LENGTH = 64


class GatewayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a gateway is set up. Without an agent domain any Host is accepted."""

    agent_domain: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    intervals: Intervals = msgspec.field(default_factory=Intervals)
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS
    logs_bytes_per_day: int = 2**30


class Gateway:
    """The application, its caches and its background work. Run it inside `running`."""

    def __init__(
        self,
        database: Database,
        telemetry_database: Database,
        *,
        bus: Bus,
        signing: SigningService,
        clock: Clock,
        options: GatewayOptions,
        reported: Reported | None = None,
        engines: EngineBook | None = None,
        releases: ReleaseShelf | None = None,
    ) -> None:
        self._options = options
        self._clock = clock
        self._trust = ProxyTrust(options.trusted_proxies)
        self.tokens = AgentTokens(database, agent_domain=options.agent_domain)
        self.desired = DesiredBook(database, signing)
        self.streams = Streams()
        self._news = DesiredNews(self.desired, self.streams)
        self.statements = StatementBook(database, self.streams, clock, knows=self.tokens.knows)
        self.ingest = Ingest(telemetry_database, clock, heartbeat_seconds=options.intervals.heartbeat_seconds)
        self.intake = ReportIntake(database, reported=reported)
        self.logs = LogIntake(database, clock, quota_bytes=options.logs_bytes_per_day)
        self.taps = TapIntake(database)
        self.engines = engines or EngineBook(database, EngineSchemaService())
        self._releases = releases
        self._enrolment = Enrolment(database, signing, options.intervals)
        self._renewal = Renewal(database, clock)
        self._bus = bus
        self.requests: Counter[tuple[str, str]] = Counter()
        self._routes: dict[tuple[str, str], tuple[str, Handler]] = {
            ("POST", ENROLL_PATH): ("enroll", self._enroll),
            ("POST", CHALLENGE_PATH): ("challenge", self._challenge),
            ("POST", ROTATE_PATH): ("rotate", self._rotate),
            ("GET", DESIRED_PATH): ("desired", self._desired),
            ("GET", STREAM_PATH): ("stream", self._stream),
            ("POST", HEARTBEAT_PATH): ("heartbeat", self._heartbeat),
            ("POST", REPORTS_PATH): ("reports", self._reports),
            ("PUT", FOUND_PATH): ("found", self._found),
            ("PUT", MACHINE_PATH): ("machine", self._machine),
            ("POST", LOGS_PATH): ("logs", self._logs),
        }
        self._challenge_decoder = msgspec.json.Decoder(ChallengeRequest)
        self._rotate_decoder = msgspec.json.Decoder(RotateRequest)
        self._found_intake = FoundIntake(database)
        self._found_decoder = msgspec.json.Decoder(FoundVectors)
        self._machines = MachineIntake(database)
        self._machine_decoder = msgspec.json.Decoder(Machine)
        self._enroll_decoder = msgspec.json.Decoder(EnrollRequest)
        self._reports_decoder = msgspec.json.Decoder(ReportsRequest)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen to the bus, flush and refresh; at the end write what is buffered."""
        # Caches and buffers live long and make no cycles: walking all of them would stop every answer for 0.1 s.
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        ends = [
            self._bus.subscribe(topics.DESIRED, self._news.on_desired),
            self._bus.subscribe(topics.NODE, self._on_node),
            self.statements.attach(self._bus),
        ]
        self._bus.on_reconnect(self._on_reconnect)
        work = [
            asyncio.create_task(each)
            for each in (self.ingest.run(), self._refresh(), self._look_after_streams(), self.engines.run())
        ]
        try:
            yield
        finally:
            for end in ends:
                end()
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            self.streams.close_all()
            await self._news.close()
            await self.statements.close()
            await self.intake.close()
            await self.logs.close()
            await self.ingest.close()
            await self.desired.close()
            await self.tokens.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path, outcome = scope["path"], "ok"
        name, handler = self._routed(scope["method"], path)
        try:
            await handler(call_of(scope, receive, send, self._trust))
        except VectorFlowError as error:
            outcome = str(error.status)
            await refuse(send, error)
        except DatabaseUnavailable:
            outcome = "503"
            await refuse(send, ServerUnavailable(headers={"Retry-After": "5"}))
        except Exception:
            outcome = "500"
            log.exception("gateway.failed", path=path)
            # All agents of a fleet may get this at once: told to wait, each waits so long and a share of its own.
            later = {"Retry-After": "5"}
            await refuse(
                send, VectorFlowError("Something went wrong on our side; try again later.", headers=later)
            )
        finally:
            self.requests[name, outcome] += 1

    def _routed(self, method: str, path: str) -> tuple[str, Handler]:
        found = self._routes.get((method, path))
        if found is not None:
            return found
        if method == "GET" and path.startswith(FILES_PATH):
            return "file", self._file
        if method == "GET" and path.startswith(RELEASES_PATH):
            return "release", self._release
        if method == "PUT" and path.startswith(SCHEMAS_PATH):
            return "schema", self._schema
        if method == "POST" and path.startswith(TAPS_PATH) and path.endswith(TAP_EVENTS):
            return "tap", self._tap
        return "other", self._other

    async def _other(self, call: Call) -> None:
        if call.path != "/health/live":
            raise NoSuchPageError("There is nothing for agents at this address.")
        await answer(call.send, 200, JSON, b'{"status":"ok"}')

    async def _node(self, call: Call) -> NodeAuthority:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.NODE)
        return await self.tokens.node(token, call.address)

    async def _enroll(self, call: Call) -> None:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.ENROLMENT)
        request = decoded(self._enroll_decoder.decode, await body_of(call))
        authority = await self.tokens.enrolment(token, call.address)
        made = await self._enrolment.enroll(token, authority, request, call.address)
        await answer(call.send, 200, JSON, msgspec.json.encode(made))

    async def _challenge(self, call: Call) -> None:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.ENROLMENT)
        request = decoded(self._challenge_decoder.decode, await body_of(call))
        authority = await self.tokens.enrolment(token, call.address)
        told = await self._renewal.challenge(authority.organization_id, request)
        await answer(call.send, 200, JSON, msgspec.json.encode(told))

    async def _rotate(self, call: Call) -> None:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.NODE)
        authority = await self.tokens.node(token, call.address)
        request = decoded(self._rotate_decoder.decode, await body_of(call))
        made = await self._renewal.rotate(token, authority, request, call.address)
        await answer(call.send, 200, JSON, msgspec.json.encode(made))

    async def _desired(self, call: Call) -> None:
        node = await self._node(call)
        known = call.header(b"if-none-match")
        unchanged = self.desired.unchanged(node.node_id, known)
        if unchanged is None:
            unchanged = await self.desired.confirmed(node.node_id, known)
        if unchanged is None:
            served = await self.desired.answer(node)
            if known != served.etag:
                tag = (b"etag", served.etag.encode())
                await answer(call.send, 200, JSON, served.body, tag)
                return
            unchanged = served.etag
        await call.send(
            {"type": "http.response.start", "status": 304, "headers": [(b"etag", unchanged.encode())]}
        )
        await call.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _file(self, call: Call) -> None:
        node = await self._node(call)
        sha256 = call.path.removeprefix(FILES_PATH)
        if len(sha256) != _SHA256_LENGTH or not set(sha256) <= set("0123456789abcdef"):
            raise AgentRequestInvalid("a file is named by 64 hexadecimal digits")
        try:
            content = await self.desired.file(node, sha256)
        except FileNotNamed:
            await self._file_parts(call, node, sha256)
        else:
            await answer(call.send, 200, "application/octet-stream", content)

    async def _file_parts(self, call: Call, node: NodeAuthority, sha256: str) -> None:
        """Answer with a certificate or lookup file piece by piece; it may be far larger than memory is dear."""
        size = await self.desired.size(node, sha256)
        head = [(b"content-type", b"application/octet-stream"), (b"content-length", str(size).encode())]
        await call.send({"type": "http.response.start", "status": 200, "headers": head})
        position = 0
        while (part := await self.desired.part(node, sha256, position)) is not None:
            await call.send({"type": "http.response.body", "body": part, "more_body": True})
            position += 1
        await call.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _release(self, call: Call) -> None:
        await self._node(call)
        if self._releases is None:
            raise ReleasesMissing
        await answer_release(call, self._releases)

    async def _heartbeat(self, call: Call) -> None:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.NODE)
        node = await self.tokens.node(token, call.address)
        beat = decoded(heartbeats.read, await body_of(call))
        if await self._renewal.spoke(token, node, beat.agent.started_at, call.address):
            self.tokens.forget_node(node.node_id)
        self.ingest.take(node, beat)
        generation, issue = self.desired.current(node.node_id)
        waiting = await self.statements.waiting(node)
        told = HeartbeatAnswer(
            generation=generation,
            issue=issue,
            at=round(self._clock.now().timestamp() * 1000),
            intervals=self._options.intervals,
            schema_wanted=self.engines.take(node, beat.engine),
            statements=tuple(each.envelope for each in waiting),
        )
        await answer(call.send, 200, JSON, msgspec.json.encode(told))

    async def _schema(self, call: Call) -> None:
        node = await self._node(call)
        if call.header(b"content-encoding") != "gzip":
            raise AgentRequestInvalid("a schema is sent compressed with gzip")
        digest = call.path.removeprefix(SCHEMAS_PATH)
        await self.engines.upload(node, digest, await body_of(call, MOST_SCHEMA_BYTES), call.address)
        await answer(call.send, 200, JSON, b"{}")

    async def _tap(self, call: Call) -> None:
        node = await self._node(call)
        if call.header(b"content-encoding") != "gzip":
            raise AgentRequestInvalid("events are sent compressed with gzip")
        tap_id = parse_id(call.path.removeprefix(TAPS_PATH).removesuffix(TAP_EVENTS))
        if tap_id is None:
            raise AgentRequestInvalid("a tap is named by its id")
        taken = await self.taps.take(node, tap_id, await body_of(call, MOST_TAP_BYTES))
        await answer(call.send, 200, JSON, msgspec.json.encode(taken))

    async def _found(self, call: Call) -> None:
        node = await self._node(call)
        told = decoded(self._found_decoder.decode, await body_of(call, MOST_FOUND_BYTES))
        await self._found_intake.take(node, told, call.address)
        await answer(call.send, 200, JSON, b"{}")

    async def _machine(self, call: Call) -> None:
        node = await self._node(call)
        await self._machines.take(node, decoded(self._machine_decoder.decode, await body_of(call)))
        await answer(call.send, 200, JSON, b"{}")

    async def _reports(self, call: Call) -> None:
        node = await self._node(call)
        taken = await self.intake.take(node, decoded(self._reports_decoder.decode, await body_of(call)))
        await answer(call.send, 200, JSON, msgspec.json.encode(taken))

    async def _logs(self, call: Call) -> None:
        node = await self._node(call)
        if call.header(b"content-encoding") != "gzip":
            raise AgentRequestInvalid("log lines are sent compressed with gzip")
        taken = await self.logs.take(node, await body_of(call, MOST_BATCH_BYTES))
        await answer(call.send, 200, JSON, msgspec.json.encode(taken))

    async def _stream(self, call: Call) -> None:
        token = self.tokens.presented(call.header(b"host"), call.header(b"authorization"), tokens.NODE)
        node = await self.tokens.node(token, call.address)
        stream = self.streams.open(node.node_id, node.organization_id)
        generation, issue = self.desired.current(node.node_id)
        if generation:
            stream.tell(DesiredHint(generation=generation, issue=issue))

        async def look() -> tuple[Told, ...]:
            # Believed for 30 seconds at most, also when the bus is silent, and looked at when it was.
            return await self.statements.waiting(await self.tokens.node(token))

        await answer_stream(call, self.streams, stream, look)

    def _on_node(self, message: Mapping[str, Any]) -> None:
        node_id = pipeline_id_of(str(message.get("node_id", "")))
        if node_id is not None:
            self.tokens.forget_node(node_id)
            self._renewal.forget_node(node_id)
            self.desired.changed(node_id)
            self.streams.close_node(node_id)

    def _on_reconnect(self) -> None:
        self.tokens.clear()
        self.desired.clear()
        self.statements.clear()
        self.streams.check_all()

    async def _look_after_streams(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self.streams.look_after(self._options.keep_alive_seconds, _LOOK_SECONDS)

    async def _refresh(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            self.statements.sweep()
            try:
                await self.tokens.refresh()
            except Exception as error:
                log.warning("tokens.not-refreshed", error=type(error).__name__)
            try:
                for node_id, (generation, issue) in (await self.desired.refresh()).items():
                    self.streams.tell(node_id, DesiredHint(generation=generation, issue=issue))
            except Exception as error:
                log.warning("bundles.not-refreshed", error=type(error).__name__)
