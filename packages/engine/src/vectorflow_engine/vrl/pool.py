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

import msgspec

from vectorflow_engine.vrl import lacking, limits
from vectorflow_engine.vrl.types import Kind, VrlDiagnostic, VrlError, VrlResult
from vectorflow_engine.vrl.worker import HEADER, MAX_FRAME_BYTES, Answer, Request, answer_of, frame

DEFAULT_TIMEOUT = 2.0
DEFAULT_MEMORY_BYTES = 1024 * 1024 * 1024
_START_TIMEOUT = 20.0
_MAX_REQUESTS = 10_000
# A worker whose pool has died ends by itself this long after the pool would have killed it.
_GRACE_SECONDS = 3.0


class _Launch(msgspec.Struct, frozen=True):
    """How a worker is started: its ceiling in bytes, seconds for one request, whether the host is closed to it."""

    memory_bytes: int
    timeout: float
    sealed: bool

    def command(self) -> list[str]:
        seconds = f"{self.timeout + _GRACE_SECONDS:g}"
        mode = "sealed" if self.sealed else "open"
        return [
            sys.executable, "-I", "-m", "vectorflow_engine.vrl.worker", str(self.memory_bytes), seconds, mode
        ]  # fmt: skip


def _timed_out(seconds: float) -> VrlError:
    text = f"the program took longer than {seconds:g} s and was stopped; make it smaller or simpler"
    return VrlError([VrlDiagnostic(text, code="vrl.timeout")])


def _crashed() -> VrlError:
    text = "the program made VRL crash or run out of memory; make it smaller or simpler"
    return VrlError([VrlDiagnostic(text, code="vrl.crashed")])


def _framed(request: Request) -> bytes:
    try:
        data = frame(request)
    except (UnicodeEncodeError, RecursionError, TypeError, OverflowError, NotImplementedError) as error:
        text = f"the events cannot be handed to VRL: {error}"
        raise VrlError([VrlDiagnostic(text, code="vrl.not-text")]) from None
    if len(data) > MAX_FRAME_BYTES:
        text = f"the events are larger than {MAX_FRAME_BYTES // 1024 // 1024} MiB together"
        raise VrlError([VrlDiagnostic(text, code="vrl.too-large")])
    return data


def _unavailable() -> VrlError:
    return VrlError([VrlDiagnostic("no VRL worker could be started; try again", code="vrl.unavailable")])


class _Worker:
    """One child process, for one request at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.owner: str | None = None
        self.served = 0

    @classmethod
    async def start(cls, launch: _Launch) -> "_Worker":
        process = await asyncio.create_subprocess_exec(
            *launch.command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        worker = cls(process)
        try:
            await asyncio.wait_for(worker._read(), _START_TIMEOUT)
        except BaseException:
            await worker.kill()
            raise
        return worker

    def fits(self, owner: str | None) -> bool:
        """Whether it lives, and has worked for nobody else."""
        return self.process.returncode is None and (self.served == 0 or self.owner == owner)

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
        self._timeout, self._service, self._size = timeout, service, size
        self._launch = _Launch(memory_bytes, timeout, service)
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()

    async def __aenter__(self) -> "VrlPool":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def warm(self) -> None:
        """Start all workers now, so that the first request finds one; raises `VrlError`."""
        async with self._slots:
            while len(self._all) < self._size:
                self._idle.append(await self._started())

    async def close(self) -> None:
        """Kill every worker; requests under way fail."""
        for worker in list(self._all):
            await self._drop(worker)
        self._idle.clear()

    async def compile(
        self, program: str, *, kind: Kind = "program", owner: str | None = None
    ) -> list[VrlDiagnostic]:
        """What is wrong with ``program``; empty when it is good. Never raises for a bad program.

        A function that only a newer VRL has gives a note, ``vrl.not-compiled``.
        """
        found = limits.check(program, kind=kind, service=self._service)
        if found:
            return found
        try:
            answer = await self._ask(Request("compile", program, kind, service=self._service), owner)
        except VrlError as error:
            return error.diagnostics
        return lacking.noted(program, answer.diagnostics)

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
            raise VrlError(lacking.noted(program, answer.diagnostics))
        return answer.results

    async def _ask(self, request: Request, owner: str | None) -> Answer:
        message = _framed(request)
        async with self._slots, self._worker(owner) as worker:
            try:
                return await asyncio.wait_for(worker.ask(message), self._timeout)
            except TimeoutError:
                raise _timed_out(self._timeout) from None
            except (asyncio.IncompleteReadError, ConnectionError, msgspec.MsgspecError, RecursionError):
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
        fitting = next((each for each in reversed(self._idle) if each.fits(owner)), None)
        if fitting is not None:
            self._idle.remove(fitting)
            fitting.owner = owner
            return fitting
        if self._idle and len(self._all) >= self._size:
            await self._drop(self._idle.pop(0))
        worker = await self._started()
        worker.owner = owner
        return worker

    async def _started(self) -> _Worker:
        try:
            worker = await _Worker.start(self._launch)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise _unavailable() from None
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
        self._timeout, self._service = timeout, service
        self._launch = _Launch(memory_bytes, timeout, service)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "WorkerVrlCompiler":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compile(self, program: str, *, kind: Kind = "program") -> list[VrlDiagnostic]:
        """What is wrong with ``program``, as `VrlPool.compile` says it. Never raises for a bad program."""
        found = limits.check(program, kind=kind, service=self._service)
        if found:
            return found
        with self._lock:
            try:
                found = self._ask(Request("compile", program, kind, service=self._service)).diagnostics
                return lacking.noted(program, found)
            except VrlError as error:
                self._kill()
                return error.diagnostics

    def warm(self) -> None:
        """Start the worker now, so that the first program finds it; raises `VrlError`."""
        with self._lock:
            self._started()

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
                self._launch.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
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
