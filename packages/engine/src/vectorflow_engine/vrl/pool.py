"""Workers that compile and run VRL where a bad program can do no harm.

A worker that takes too long or dies is killed and replaced; the caller gets a diagnostic, never a hang.
"""

import asyncio
import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from vectorflow_engine.vrl import limits
from vectorflow_engine.vrl.types import Kind, VrlDiagnostic, VrlError, VrlResult
from vectorflow_engine.vrl.worker import HEADER, MAX_FRAME_BYTES, Answer, Request, answer_of, frame

DEFAULT_TIMEOUT = 2.0
DEFAULT_MEMORY_BYTES = 1024 * 1024 * 1024
_START_TIMEOUT = 20.0
_MAX_REQUESTS = 10_000


def _command(memory_bytes: int) -> list[str]:
    return [sys.executable, "-I", "-m", "vectorflow_engine.vrl.worker", str(memory_bytes)]


def _timed_out(seconds: float) -> VrlError:
    text = f"the program took longer than {seconds:g} s and was stopped; make it smaller or simpler"
    return VrlError([VrlDiagnostic(text, code="vrl.timeout")])


def _crashed() -> VrlError:
    text = "the program made VRL crash or run out of memory; make it smaller or simpler"
    return VrlError([VrlDiagnostic(text, code="vrl.crashed")])


def _unavailable() -> VrlError:
    return VrlError([VrlDiagnostic("no VRL worker could be started; try again", code="vrl.unavailable")])


class _Worker:
    """One child process, for one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.owner: str | None = None
        self.served = 0

    @classmethod
    async def start(cls, memory_bytes: int) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            *_command(memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            start_new_session=True,
        )
        worker = cls(process)
        try:
            await asyncio.wait_for(worker._read(), _START_TIMEOUT)
        except BaseException:
            await worker.kill()
            raise
        return worker

    async def ask(self, message: bytes) -> Answer:
        assert self.process.stdin is not None  # noqa: S101 - piped above
        self.process.stdin.write(message)
        await self.process.stdin.drain()
        self.served += 1
        return await self._read()

    async def _read(self) -> Answer:
        assert self.process.stdout is not None  # noqa: S101 - piped above
        header = await self.process.stdout.readexactly(HEADER.size)
        size = HEADER.unpack(header)[0]
        if size > MAX_FRAME_BYTES:
            raise ConnectionResetError
        return answer_of(await self.process.stdout.readexactly(size))

    async def kill(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()


class VrlPool:
    """A few killable workers behind an asyncio face; use as ``async with`` or call `close`."""

    def __init__(
        self,
        *,
        size: int = 2,
        timeout: float = DEFAULT_TIMEOUT,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        service: bool = True,
    ) -> None:
        """``timeout`` in seconds per request; ``service`` refuses functions that read the host."""
        self._timeout, self._memory_bytes, self._service = timeout, memory_bytes, service
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def __aenter__(self) -> "VrlPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Kill every worker; requests under way fail."""
        for worker in list(self._all):
            await self._drop(worker)
        self._idle.clear()

    async def compile(self, program: str, *, kind: Kind = "program") -> list[VrlDiagnostic]:
        """What is wrong with ``program``; empty when it is good. Never raises for a bad program."""
        found = limits.check(program, kind=kind, service=self._service)
        if found:
            return found
        try:
            answer = await self._ask(Request("compile", program, kind, service=self._service), None)
        except VrlError as error:
            return error.diagnostics
        return answer.diagnostics

    async def run(
        self, program: str, events: Sequence[dict[str, Any]], *, owner: str | None = None
    ) -> list[VrlResult]:
        """Run ``program`` on each event, in order; raises `VrlError` when it does not compile or is killed.

        ``owner`` (an organisation) never shares a worker with another owner.
        """
        found = limits.check(program, kind="program", service=self._service)
        if found:
            raise VrlError(found)
        answer = await self._ask(Request("run", program, events=list(events), service=self._service), owner)
        if answer.diagnostics:
            raise VrlError(answer.diagnostics)
        return answer.results

    async def _ask(self, request: Request, owner: str | None) -> Answer:
        async with self._slots, self._worker(owner) as worker:
            try:
                return await asyncio.wait_for(worker.ask(frame(request)), self._timeout)
            except TimeoutError:
                raise _timed_out(self._timeout) from None
            except (asyncio.IncompleteReadError, ConnectionError):
                raise _crashed() from None

    @contextlib.asynccontextmanager
    async def _worker(self, owner: str | None) -> AsyncIterator[_Worker]:
        """A worker for one request; given back only when the request ended well."""
        worker = await self._take(owner)
        try:
            yield worker
        except BaseException:
            await self._drop(worker)
            raise
        if worker.served >= _MAX_REQUESTS:
            await self._drop(worker)
        elif worker in self._all:
            self._idle.append(worker)

    async def _take(self, owner: str | None) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            mixed = owner is not None and worker.owner not in (None, owner)
            if not mixed and worker.process.returncode is None:
                worker.owner = owner or worker.owner
                return worker
            await self._drop(worker)
        try:
            worker = await _Worker.start(self._memory_bytes)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise _unavailable() from None
        worker.owner = owner
        self._all.add(worker)
        return worker

    async def _drop(self, worker: _Worker) -> None:
        self._all.discard(worker)
        await worker.kill()


class WorkerVrlCompiler:
    """The same safety for callers without asyncio; satisfies topology's ``VrlCompiler``.

    Thread-safe; one worker, kept between calls and replaced when it is killed. Close it when done.
    """

    def __init__(
        self,
        *,
        timeout: float = DEFAULT_TIMEOUT,
        memory_bytes: int = DEFAULT_MEMORY_BYTES,
        service: bool = True,
    ) -> None:
        self._timeout, self._memory_bytes, self._service = timeout, memory_bytes, service
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "WorkerVrlCompiler":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compile(self, program: str, *, kind: Kind = "program") -> list[VrlDiagnostic]:
        """What is wrong with ``program``; empty when it is good. Never raises for a bad program."""
        found = limits.check(program, kind=kind, service=self._service)
        if found:
            return found
        with self._lock:
            try:
                return self._ask(Request("compile", program, kind, service=self._service)).diagnostics
            except VrlError as error:
                self._kill()
                return error.diagnostics

    def close(self) -> None:
        """Kill the worker."""
        with self._lock:
            self._kill()

    def _ask(self, request: Request) -> Answer:
        process = self._started()
        assert process.stdin is not None  # noqa: S101 - piped in _started
        try:
            process.stdin.write(frame(request))
            process.stdin.flush()
        except OSError:
            raise _crashed() from None
        return self._read(process, self._timeout)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._kill()
        try:
            self._process = subprocess.Popen(
                _command(self._memory_bytes),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                start_new_session=True,
            )
            self._read(self._process, _START_TIMEOUT)
        except (OSError, VrlError):
            raise _unavailable() from None
        return self._process

    def _read(self, process: subprocess.Popen[bytes], timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        size = HEADER.unpack(self._read_exactly(process, HEADER.size, deadline, timeout))[0]
        return answer_of(self._read_exactly(process, size, deadline, timeout))

    @staticmethod
    def _read_exactly(process: subprocess.Popen[bytes], size: int, deadline: float, timeout: float) -> bytes:
        assert process.stdout is not None  # noqa: S101 - piped in _started
        data = b""
        while len(data) < size:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
                raise _timed_out(timeout)
            # Straight from the descriptor: a buffered reader could hold bytes that select cannot see.
            part = os.read(process.stdout.fileno(), size - len(data))
            if not part:
                raise _crashed()
            data += part
        return data

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        with process:
            pass
