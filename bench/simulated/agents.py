"""Simulated agents: real tokens, real keys, bundles verified, random counters that only grow, and the ledger."""

import asyncio
import base64
import random
import time
from uuid import UUID

import msgspec
from nacl.public import PrivateKey
from nacl.signing import SigningKey

from simulated.wire import Answer, EventWire, Wire
from vectorflow_wire import envelope, keys, messages, verify
from vectorflow_wire.bundles import Bundle, DesiredAnswer
from vectorflow_wire.logs import LOGS_PATH

KINDS = ("source", "transform", "transform", "transform", "sink", "sink")
TYPES = ("file", "remap", "filter", "route", "http", "file")
TIMES = {"source": ("lag",), "transform": ("latency", "wait"), "sink": ("latency", "wait")}
BOUNDS = ("0.001", "0.01", "0.1")


class Agent:
    """One node. Keep-alive connections are opened anew when the gateway has closed them."""

    def __init__(self, number: int, port: int, slug: str, organization_id: UUID) -> None:
        self.number = number
        self.slug = slug
        self.organization_id = organization_id
        self.node_id: UUID | None = None
        self.etag = b""
        self.generation = 0
        self.told_at = 0.0
        self.told = asyncio.Event()
        self._port = port
        self._wire = Wire()
        self._stream: EventWire | None = None
        self._token = ""
        self._random = random.Random(number)
        self._beats = 0
        self._pipelines: list[dict[str, object]] = []
        self._components: list[dict[str, object]] = []
        self._identity = SigningKey.generate()
        self._reports = 0
        self.acknowledged: list[int] = []
        self._answer: messages.EnrollAnswer | None = None
        self._body: bytes = b""
        self._poll = b""

    async def call(self, request: bytes) -> Answer:
        """Send a request on the agent's connection; once more where the gateway closed that while it was idle."""
        if self._wire.open:
            try:
                return await self._wire.send(request)
            except ConnectionResetError:
                pass
        loop = asyncio.get_running_loop()
        _, self._wire = await loop.create_connection(Wire, "127.0.0.1", self._port)
        return await self._wire.send(request)

    async def enrol(self, token: str) -> None:
        """Become a node."""
        body = msgspec.json.encode(
            messages.EnrollRequest(
                machine_id=f"bench-{self.number}",
                hostname=f"bench-{self.number}",
                agent_version="0.1.0",
                keys=messages.AgentKeys(
                    identity=_b64(bytes(self._identity.verify_key)),
                    sealing=_b64(bytes(PrivateKey.generate().public_key)),
                ),
                platform=messages.Platform(os="linux", arch="x86_64"),
                engine=messages.EngineFacts(kind="embedded", version="0.1.0"),
            )
        )
        answer = await self.call(self._request("POST", messages.ENROLL_PATH, token, body))
        if answer.status != 200:
            raise RuntimeError(f"enrolment was answered {answer.status}: {answer.body!r}")
        self._answer = msgspec.json.decode(answer.body, type=messages.EnrollAnswer)
        self._token, self.node_id = self._answer.node_token, UUID(self._answer.node_id)

    async def fetch(self) -> None:
        """Fetch the bundle there is; waits while the signer has made none yet."""
        request = self._request("GET", messages.DESIRED_PATH, self._token)
        for _ in range(200):
            answer = await self.call(request)
            if answer.status == 200:
                break
            await asyncio.sleep(0.1)
        else:
            raise RuntimeError(f"no bundle: the gateway answers {answer.status}")
        self.etag, self._body = answer.etag, answer.body
        self.generation = int(answer.etag.strip(b'"').partition(b".")[0])
        head = f"if-none-match: {self.etag.decode()}\r\n"
        self._poll = self._request("GET", messages.DESIRED_PATH, self._token, extra=head)

    def verified(self) -> Bundle:
        """Believe the bundle as an agent does: key list by the root, signature, node, organisation, time."""
        assert self._answer is not None
        body = msgspec.json.decode(self._body, type=DesiredAnswer)
        now = int(time.time() * 1000)
        organization = self._answer.organization
        known = keys.key_list_verify(
            bytes(body.keys),
            root_public=base64.b64decode(self._answer.root_key),
            organization=organization,
            last_version=0,
            now=now,
        )
        trust = verify.Trust(keys=known)
        return verify.verify_bundle(
            bytes(body.bundle),
            trust=trust,
            node=self._answer.node_id,
            organization=organization,
            last=None,
            now=now,
        )

    async def poll(self) -> int:
        """Ask whether there is news; the status, 304 when not."""
        return (await self.call(self._poll)).status

    async def listen(self) -> int:
        """Open the event stream; the answer's status."""
        request = self._request("GET", messages.STREAM_PATH, self._token)
        loop = asyncio.get_running_loop()
        _, self._stream = await loop.create_connection(
            lambda: EventWire(request, self._on_event), "127.0.0.1", self._port
        )
        return int(await self._stream.begun)

    def expect_newer(self) -> None:
        """Wait for the hint of a bundle newer than the one fetched last."""
        self.told.clear()

    def expect(self) -> None:
        """Wait for the next hint, whatever it says."""
        self.generation = 0
        self.told.clear()

    def report(self) -> tuple[bytes, int]:
        """Return the request with the next numbered report, and its number."""
        assert self._answer is not None
        self._reports += 1
        report = messages.Report(
            node=self._answer.node_id,
            sequence=self._reports,
            at=int(time.time() * 1000),
            kind="restarted",
            message=f"{self._random.getrandbits(64):x}",
        )
        signer = envelope.MemorySigner(self._identity, keys.key_id(bytes(self._identity.verify_key)))
        signed = envelope.sign(envelope.REPORT, report, signer)
        body = msgspec.json.encode(messages.ReportsRequest(reports=(signed,)))
        return self._request("POST", messages.REPORTS_PATH, self._token, body), self._reports

    def logs(self, zipped: bytes) -> bytes:
        """A request with a batch of log lines."""
        return self._request("POST", LOGS_PATH, self._token, zipped, extra="content-encoding: gzip\r\n")

    def accepted(self, answer: Answer) -> tuple[int, ...]:
        """Return the numbers that an answer acknowledges."""
        return msgspec.json.decode(answer.body, type=messages.ReportsAnswer).accepted

    def prepare(self, pipeline_ids: list[UUID]) -> None:
        """Begin the counters of the node's pipelines, six components each."""
        since = int(time.time() * 1000) - 60_000
        for pipeline_id in pipeline_ids:
            components = [
                {
                    "id": f"{kind}_{position}",
                    "kind": kind,
                    "type": TYPES[position],
                    "received_events": self._random.getrandbits(30),
                    "received_bytes": self._random.getrandbits(40),
                    "sent_events": {"_default": self._random.getrandbits(30)},
                    "utilization": round(self._random.random(), 2),
                }
                for position, kind in enumerate(KINDS)
            ]
            self._components += components
            self._pipelines.append(
                {
                    "id": str(pipeline_id),
                    "state": "running",
                    "revision": f"{self._random.getrandbits(256):064x}",
                    "number": 1,
                    "desired": "run",
                    "pid": 4000 + len(self._pipelines),
                    "started_at": since,
                    "counters_since": since,
                    "components": components,
                }
            )

    def measure_times(self) -> None:
        """From now on tell each component's times too, as an engine that measures them does."""
        for each in self._components:
            for name in TIMES[each["kind"]]:
                each[name] = {"count": 0, "total_us": 0, "buckets": dict.fromkeys(BOUNDS, 0)}

    def beat(self) -> bytes:
        """Return the next heartbeat, every counter grown by chance."""
        draw = self._random.randrange
        for each in self._components:
            step = draw(1, 5000)
            each["received_events"] += step
            each["received_bytes"] += step * 100
            each["sent_events"]["_default"] += step - 1
            for name in TIMES[each["kind"]]:
                if times := each.get(name):
                    times["count"] += step
                    times["total_us"] += step * draw(1_000, 90_000)
                    for bound in BOUNDS:
                        times["buckets"][bound] += step // 3
        now = int(time.time() * 1000)
        self._beats += 1
        for pipeline in self._pipelines:
            pipeline["counters_at"] = now
        body = {
            "at": now,
            "sequence": self._beats,
            "generation": self.generation,
            "agent": {"version": "0.1.0", "cpu_seconds": now / 1e6, "memory_bytes": 50_000_000},
            "engine": {"kind": "embedded", "version": "0.1.0"},
            "host": {"cpu_percent": self._random.random(), "memory_used_bytes": draw(2**34), "load1": 0.5},
            "pipelines": self._pipelines,
        }
        return self._request("POST", messages.HEARTBEAT_PATH, self._token, msgspec.json.encode(body))

    @property
    def sent(self) -> tuple[int, int, int]:
        """What the ledger says of this node: events in, bytes in, events out."""
        return (
            sum(each["received_events"] for each in self._components),
            sum(each["received_bytes"] for each in self._components),
            sum(each["sent_events"]["_default"] for each in self._components),
        )

    def hang_up(self) -> None:
        """Close the connection of requests."""
        self._wire.close()

    def quiet(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        """Close both connections."""
        self._wire.close()
        if self._stream is not None:
            self._stream.close()

    def _on_event(self, data: bytes) -> None:
        hint = msgspec.json.decode(data, type=messages.DesiredHint)
        if hint.generation > self.generation:
            self.told_at = time.monotonic()
            self.told.set()

    def _request(self, method: str, path: str, token: str, body: bytes = b"", *, extra: str = "") -> bytes:
        # Every agent has an address of its own, as behind a proxy, so that limits per address are as in life.
        address = f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: {self.slug}.agents.bench.test\r\n"
            f"authorization: Bearer {token}\r\nx-forwarded-for: {address}\r\n{extra}"
        )
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
