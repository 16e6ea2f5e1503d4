"""The process that compiles and runs VRL for others: limited, without environment, made to be killed.

It reads frames from standard input and answers each on standard output; a frame is a 4-byte length and
MessagePack. It holds nothing between requests but the last compiled program.

A sealed worker may not open any descriptor beyond those two and standard error: no file, no socket.
"""

import contextlib
import ctypes
import resource
import signal
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
_OPEN_DESCRIPTORS = 3
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38


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
    raise NotImplementedError(f"{type(value).__name__} is no kind of value that VRL has")


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


def limit(memory_bytes: int, *, sealed: bool) -> None:
    """Give this process a ceiling: memory, no written files, no core dump, no child, no new privileges.

    ``sealed`` allows no further descriptor either; what is needed must have been imported before.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    limits = {
        resource.RLIMIT_AS: ceiling,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
        resource.RLIMIT_NOFILE: _OPEN_DESCRIPTORS if sealed else 16,
    }
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError):  # macOS has no ceiling of address space
            resource.setrlimit(name, (value, value))
    if sys.platform == "linux":
        process = ctypes.CDLL(None)
        process.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        process.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


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


def serve(source: BinaryIO, target: BinaryIO, *, seconds: float, sealed: bool) -> None:
    """Answer frames until the input ends; one that takes longer than ``seconds`` ends this process.

    The pool kills earlier. The alarm is for a worker whose pool has died and cannot.
    """
    cache: dict[str, Program] = {}
    while True:
        header = source.read(HEADER.size)
        if len(header) < HEADER.size:
            return
        body = source.read(HEADER.unpack(header)[0])
        # Without a handler the alarm ends the process, also in the middle of the compiler.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        request = _requests.decode(body)
        request.service |= sealed
        target.write(_answer(request, cache))
        target.flush()
        signal.setitimer(signal.ITIMER_REAL, 0)


def _answer(request: Request, cache: dict[str, Program]) -> bytes:
    data = frame(handle(request, cache))
    if len(data) <= MAX_FRAME_BYTES:
        return data
    text = f"the result is larger than {MAX_FRAME_BYTES // 1024 // 1024} MiB"
    return frame(Answer([VrlDiagnostic(text, code="vrl.too-large")]))


def main() -> None:
    """Entry of ``python -m vectorflow_engine.vrl.worker MEMORY_BYTES SECONDS sealed|open``."""
    memory_bytes, seconds, sealed = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3] == "sealed"
    warm = Request("run", '.ok, .error = parse_json("{")', events=[{}])
    handle(warm, {})
    limit(memory_bytes, sealed=sealed)
    sys.stdout.buffer.write(frame(Answer(ready=True)))
    sys.stdout.buffer.flush()
    serve(sys.stdin.buffer, sys.stdout.buffer, seconds=seconds, sealed=sealed)


if __name__ == "__main__":
    main()
