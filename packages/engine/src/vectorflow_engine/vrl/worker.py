"""The process that compiles and runs VRL for others: limited, without environment, made to be killed.

It reads frames from standard input and answers each on standard output; a frame is a 4-byte length and
MessagePack. It holds nothing between requests but the last compiled program.
"""

import contextlib
import resource
import struct
import sys
from typing import Any, BinaryIO, Literal

import msgspec

from vectorflow_engine.vrl.program import Program, diagnose
from vectorflow_engine.vrl.timestamps import Timestamp
from vectorflow_engine.vrl.types import Kind, VrlDiagnostic, VrlError, VrlResult

HEADER = struct.Struct("!I")
MAX_FRAME_BYTES = 64 * 1024 * 1024
_TIMESTAMP_CODE = 1


class Request(msgspec.Struct):
    """One piece of work: compile, or run on events."""

    op: Literal["compile", "run"]
    program: str
    kind: Kind = "program"
    events: list[Any] = []
    service: bool = True


class Answer(msgspec.Struct):
    """What came of a request; ``ready`` is said once, before any."""

    diagnostics: list[VrlDiagnostic] = []
    results: list[VrlResult] = []
    ready: bool = False


def _encode_typed(value: Any) -> Any:
    if isinstance(value, Timestamp):
        return msgspec.msgpack.Ext(_TIMESTAMP_CODE, value.encode())
    raise NotImplementedError


def _decode_typed(code: int, data: memoryview) -> Any:
    if code != _TIMESTAMP_CODE:
        raise ValueError("unknown extension in a frame")
    return Timestamp(bytes(data).decode())


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_typed)
_requests = msgspec.msgpack.Decoder(Request, ext_hook=_decode_typed)
_answers = msgspec.msgpack.Decoder(Answer, ext_hook=_decode_typed)


def frame(message: Request | Answer) -> bytes:
    """A message as it travels, its length in front."""
    body = _encoder.encode(message)
    return HEADER.pack(len(body)) + body


def answer_of(body: bytes) -> Answer:
    """The answer in a frame's body."""
    return _answers.decode(body)


def limit(memory_bytes: int) -> None:
    """Give this process a ceiling: memory, no files, no core dump, no child."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    limits = {
        resource.RLIMIT_AS: ceiling,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: 16,
    }
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS has no ceiling of address space
            resource.setrlimit(name, (value, value))


def handle(request: Request, cache: dict[str, Program]) -> Answer:
    """Do one request; ``cache`` holds at most one program."""
    if request.op == "compile":
        return Answer(diagnose(request.program, kind=request.kind, service=request.service))
    try:
        program = cache.get(request.program) or Program(request.program, service=request.service)
    except VrlError as error:
        return Answer(error.diagnostics)
    cache.clear()
    cache[request.program] = program
    return Answer(results=[program.run(event) for event in request.events])


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer frames until the input ends."""
    cache: dict[str, Program] = {}
    while True:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        request = _requests.decode(source.read(HEADER.unpack(header)[0]))
        target.write(frame(handle(request, cache)))
        target.flush()


def main() -> None:
    """Entry of ``python -m vectorflow_engine.vrl.worker MEMORY_BYTES``."""
    limit(int(sys.argv[1]))
    sys.stdout.buffer.write(frame(Answer(ready=True)))
    sys.stdout.buffer.flush()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
