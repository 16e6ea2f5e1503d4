"""A real gateway in miniature: HTTP on uvicorn, really signed bundles."""

import asyncio
import contextlib
import gzip
import hashlib
import json
import time
import uuid

import msgspec
import uvicorn
from nacl.signing import SigningKey

from vectorflow_wire import (
    bundles,
    envelope,
    keys,
    logs,
    messages,
    releases,
    renewal,
    sealing,
    statements,
    taps,
    tokens,
)
from vectorflow_wire.encoding import base64_text

HOUR = 3_600_000


def now_ms():
    return time.time_ns() // 1_000_000


BROKEN_STREAMS = {
    "half": b'event: desired\ndata: {"generation": 17',
    "garbage": b"\x00\xff\xfe<html>event: desired\r\rdata\n\n" * 50,
    "endless": b"data: " + b"x" * 3_000_000,
}
"""What a stream may end with when a gateway dies in the midst of it, or is none."""


def signer_of(key):
    return envelope.MemorySigner(key, keys.key_id(bytes(key.verify_key)))


class MiniGateway:
    """Answers as PROTOCOL says, or as badly as `mode` says."""

    def __init__(self):
        self.organization, self.node = str(uuid.uuid4()), str(uuid.uuid4())
        self.root, self.online = SigningKey.generate(), SigningKey.generate()
        self.enrolment = tokens.mint(tokens.ENROLMENT, "acme", uuid.uuid4())
        self.node_token = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
        self.mode = "ok"
        self.retry_after = ""
        self.files, self.heartbeats, self.machines, self.reports = {}, [], [], []
        self.agent_keys = None
        self.enrolments = 0
        self.body, self.etag, self.generation = b"", "", 0
        self.listeners = set()
        self.calls, self.called_at = [], []
        self.statements = []
        self.tapped, self.unwanted = {}, set()
        self.clock_ahead = 0
        self.damage = ""
        self.lines, self.batches, self.log_calls = [], set(), 0
        self.log_answer = None
        self.rotations, self.proofs, self.enrolled = 0, [], None
        self.release_index, self.release_files, self.release_cut = b"", {}, 0
        self.intervals = messages.Intervals(heartbeat_seconds=0.3, poll_seconds=30.0)
        self.publish([])

    @property
    def fingerprint(self):
        return keys.root_fingerprint(bytes(self.root.verify_key))

    def key_list(self, **changes):
        online = keys.OnlineKey(
            id=signer_of(self.online).key_id, public=base64_text(bytes(self.online.verify_key))
        )
        content = keys.KeyList(
            organization=self.organization,
            version=1,
            issued_at=now_ms() - 1000,
            expires_at=now_ms() + HOUR,
            keys=(online,),
        )
        return keys.key_list_signed(msgspec.structs.replace(content, **changes), signer_of(self.root))

    def file(self, content):
        data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        sha256 = hashlib.sha256(data).hexdigest()
        self.files[sha256] = data
        return sha256

    def pipeline(self, *, name="p1", number=1, text=None, secrets=None, version=1, **fields):
        """A pipeline of the stand-in: other keywords are options of its source."""
        known = set(bundles.BundlePipeline.__struct_fields__)
        options = {key: value for key, value in fields.items() if key not in known}
        fields = {key: value for key, value in fields.items() if key in known}
        if text is None:
            text = {
                "sources": {"in": {"type": "stand_in", **options}},
                "sinks": {"out": {"type": "blackhole", "inputs": ["in"]}},
            }
        defaults = {"state": "run", "drain_seconds": 5.0}
        return bundles.BundlePipeline(
            **(defaults | fields),
            id=name,
            name=name,
            number=number,
            revision=self.file(text),
            secrets=tuple(self.seal(name, value, version) for name, value in (secrets or {}).items()),
        )

    def seal(self, name, value, version):
        context = sealing.SealedContext(
            organization=self.organization, node=self.node, name=name, version=version
        )
        return sealing.seal(value, context=context, public=keys.public_key(self.agent_keys.sealing))

    def publish(self, pipelines, *, key=None, keys_envelope=None, **changes):
        self.generation += 1
        content = bundles.Bundle(
            organization=self.organization,
            environment="env",
            node=self.node,
            generation=self.generation,
            issue=1,
            issued_at=now_ms() - 1000,
            expires_at=now_ms() + HOUR,
            keys_version=1,
            pipelines=tuple(pipelines),
        )
        content = msgspec.structs.replace(content, **changes)
        signed = envelope.sign(envelope.BUNDLE, content, signer_of(key or self.online)).encoded()
        self.body = bundles.desired_answer(signed, keys_envelope or self.key_list())
        self.etag = content.etag
        for queue in self.listeners:
            queue.put_nowait(("desired", {"generation": content.generation, "issue": content.issue}))

    async def __call__(self, scope, receive, send):
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.calls.append(f"{scope['method']} {scope['path']}")
        self.called_at.append((scope["path"], time.monotonic()))
        if scope["path"] == "/agent/v1/stream" and self.mode == "ok":
            await self.stream(send)
            return
        status, answer, extra = self.answer(scope["path"], headers, body)
        sent = [(b"content-type", b"application/json"), *extra]
        if self.damage and scope["path"] == "/agent/v1/desired" and status == 200:
            answer, sent = self.damaged(answer, sent)
        await send({"type": "http.response.start", "status": status, "headers": sent})
        await send({"type": "http.response.body", "body": answer})

    def damaged(self, answer, sent):
        match self.damage:
            case "cut":
                return answer[: len(answer) // 2], sent
            case "huge":
                return answer[:-1] + b" " * 17_000_000 + answer[-1:], sent
            case "half":
                # Promised whole, and then the connection ends.
                return answer[: len(answer) // 2], [*sent, (b"content-length", str(len(answer)).encode())]
            case "garbage":
                return b"\x00\xff<html>", sent
        return b"", sent

    async def stream(self, send):
        queue = asyncio.Queue()
        self.listeners.add(queue)
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": 200,
                    "headers": [(b"content-type", b"text/event-stream")],
                }
            )
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.5):
                        name, data = await queue.get()
                        if name == "break":
                            return
                        if name in BROKEN_STREAMS:
                            await send(
                                {
                                    "type": "http.response.body",
                                    "body": BROKEN_STREAMS[name],
                                    "more_body": True,
                                }
                            )
                            raise ConnectionAbortedError
                        text = f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()
                        await send({"type": "http.response.body", "body": text, "more_body": True})
                        continue
                await send({"type": "http.response.body", "body": b": alive\n\n", "more_body": True})
        except OSError:
            pass
        finally:
            self.listeners.discard(queue)

    def answer(self, path, headers, body):
        if self.mode == "garbage":
            return 200, b"<html>hello</html>", []
        if self.mode.isdigit():
            later = [(b"retry-after", self.retry_after.encode())] if self.retry_after else []
            return int(self.mode), b'{"type":"x","title":"no","detail":"as \\u001b[31mtold"}', later
        token = headers.get("authorization", "").removeprefix("Bearer ")
        enrolling = path in {"/agent/v1/enroll", renewal.CHALLENGE_PATH}
        wanted = self.enrolment.text if enrolling else self.node_token.text
        if token != wanted:
            return 401, b'{"type":"x","title":"token not accepted"}', []
        return self.take_lines(body) if path == logs.LOGS_PATH else self.answered(path, headers, body)

    def answered(self, path, headers, body):
        if path == "/agent/v1/enroll":
            return 200, self.enroll(msgspec.json.decode(body, type=messages.EnrollRequest)), []
        if path == renewal.CHALLENGE_PATH:
            return 200, msgspec.json.encode(renewal.ChallengeAnswer(nonce="n" * 32)), []
        if path == renewal.ROTATE_PATH:
            return 200, self.rotate(body), []
        if path == "/agent/v1/desired":
            if headers.get("if-none-match") == self.etag:
                return 304, b"", []
            return 200, self.body, [(b"etag", self.etag.encode())]
        if path.startswith("/agent/v1/files/"):
            data = self.files.get(path.rpartition("/")[2])
            return (200, data, []) if data is not None else (404, b"{}", [])
        if path.startswith(releases.RELEASES_PATH):
            return self.release(path.removeprefix(releases.RELEASES_PATH).strip("/"), headers)
        if path == "/agent/v1/heartbeat":
            self.heartbeats.append(msgspec.json.decode(body, type=messages.HeartbeatRequest))
            answer = messages.HeartbeatAnswer(
                generation=self.generation,
                issue=1,
                at=now_ms() + self.clock_ahead,
                statements=self.open_statements(),
            )
            return 200, msgspec.json.encode(answer), []
        if path == messages.MACHINE_PATH:
            self.machines.append(msgspec.json.decode(body, type=messages.Machine))
            return 200, b"{}", []
        if path.startswith(taps.TAPS_PATH):
            return 200, self.take_tapped(path, headers, body), []
        if path == "/agent/v1/reports":
            return 200, self.take_reports(body), []
        return 404, b"{}", []

    def release(self, sha256, headers):
        """The index, or a release's file from where it is asked for; `release_cut` is how much one answer gives."""
        if not sha256:
            return (200, self.release_index, []) if self.release_index else (404, b"{}", [])
        data = self.release_files.get(sha256)
        if data is None:
            return 404, b"{}", []
        begin = int(headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        data = data[begin : begin + self.release_cut] if self.release_cut else data[begin:]
        return (206 if begin else 200), data, []

    def take_lines(self, body):
        self.log_calls += 1
        if self.log_answer is not None:
            status, extra = self.log_answer
            return status, b'{"type":"x","title":"not now"}', extra
        batch = msgspec.json.decode(gzip.decompress(body), type=logs.LogBatch)
        if (batch.spool, batch.batch) not in self.batches:
            self.batches.add((batch.spool, batch.batch))
            self.lines += batch.lines
        return 200, msgspec.json.encode(logs.LogsAnswer(accepted=batch.batch)), []

    def rotate(self, body):
        """As the real one: only the node's own key may ask, for the token in use."""
        request = msgspec.json.decode(body, type=renewal.RotateRequest)
        public = keys.public_key(self.agent_keys.identity)
        payload = envelope.verify(request.claim, {keys.key_id(public): public}, envelope.ROTATION)
        claim = msgspec.json.decode(payload, type=renewal.RotationClaim)
        assert (claim.node, claim.organization) == (self.node, self.organization)
        assert claim.token == self.node_token.text.split("_")[2]
        self.node_token = tokens.mint(tokens.NODE, "acme", uuid.uuid4())
        self.agent_keys = msgspec.structs.replace(self.agent_keys, sealing=claim.sealing)
        self.rotations += 1
        answer = renewal.RotateAnswer(node_token=self.node_token.text, old_valid_until=now_ms() + HOUR)
        return msgspec.json.encode(answer)

    def enroll(self, request):
        self.enrolments += 1
        self.enrolled = request
        if request.proof is not None:
            public = keys.public_key(self.agent_keys.identity)
            payload = envelope.verify(request.proof, {keys.key_id(public): public}, envelope.REATTACH)
            claim = msgspec.json.decode(payload, type=renewal.ReattachClaim)
            self.proofs.append((claim.node, claim.nonce) == (self.node, "n" * 32))
        self.agent_keys = request.keys
        answer = messages.EnrollAnswer(
            node_id=self.node,
            node_token=self.node_token.text,
            organization=self.organization,
            organization_slug="acme",
            environment="env",
            environment_slug="env",
            root_key=base64_text(bytes(self.root.verify_key)),
            key_list=msgspec.json.decode(self.key_list(), type=envelope.Envelope),
            intervals=self.intervals,
        )
        return msgspec.json.encode(answer)

    def take_reports(self, body):
        public = keys.public_key(self.agent_keys.identity)
        accepted = []
        for signed in msgspec.json.decode(body, type=messages.ReportsRequest).reports:
            payload = envelope.verify(signed, {keys.key_id(public): public}, envelope.REPORT)
            report = msgspec.json.decode(payload, type=messages.Report)
            accepted.append(report.sequence)
            if all(known.sequence != report.sequence for known in self.reports):
                self.reports.append(report)
        return msgspec.json.encode(messages.ReportsAnswer(accepted=tuple(accepted)))

    def take_tapped(self, path, headers, body):
        assert headers["content-encoding"] == "gzip"
        batch = msgspec.json.decode(gzip.decompress(body), type=taps.TapBatch)
        several = self.tapped.setdefault(path.removeprefix(taps.TAPS_PATH).removesuffix("/events"), [])
        assert batch.sequence == len(several) + 1
        several.append(batch)
        return msgspec.json.encode(taps.TapAnswer(go_on=path not in self.unwanted))

    def events(self, tap):
        """What was tapped, as plain values."""
        return [
            msgspec.json.decode(bytes(each.event))
            for batch in self.tapped.get(tap, [])
            for each in batch.events
        ]

    def tell(self, kind, arguments=None, *, key=None, stream=False, **changes):
        """Give the node a statement: with every heartbeat until it is answered, or once over the stream."""
        content = statements.Statement(
            organization=self.organization,
            node=self.node,
            id=str(uuid.uuid4()),
            kind=kind,
            issued_at=now_ms() - 1000,
            expires_at=now_ms() + HOUR,
            keys_version=1,
            arguments=arguments or {},
        )
        content = msgspec.structs.replace(content, **changes)
        signed = statements.statement_signed(content, signer_of(key or self.online))
        if stream:
            for queue in self.listeners:
                queue.put_nowait((kind, msgspec.to_builtins(signed)))
        else:
            self.statements.append((content.id, signed))
        return content.id

    def open_statements(self):
        answered = {report.statement for report in self.reports}
        return tuple(signed for name, signed in self.statements if name not in answered)

    def answers(self, statement):
        return [report for report in self.reports if report.statement == statement]

    def told(self, kind):
        return [report for report in self.reports if report.kind == kind]

    def status(self, pipeline="p1"):
        for beat in self.heartbeats[-1:]:
            for status in beat.pipelines:
                if status.id == pipeline:
                    return status
        return messages.PipelineStatus(id=pipeline, state="")


class Served:
    """The gateway's listener, which can be taken away and brought back on the same port."""

    def __init__(self, app):
        self.app, self.port = app, 0
        self._server, self._task = None, None

    async def up(self):
        config = uvicorn.Config(
            self.app, port=self.port, log_level="critical", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started:
            await asyncio.sleep(0.01)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def down(self):
        if self._server is not None:
            self._server.should_exit = self._server.force_exit = True
            await self._task
            self._server = None
