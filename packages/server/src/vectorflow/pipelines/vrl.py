"""The engine's VRL compiler, in the form that checks ask for."""

import contextlib
import queue
from collections.abc import Iterator
from typing import Literal

from vectorflow_engine.vrl import WorkerVrlCompiler
from vectorflow_topology.vrl import VrlDiagnostic


class WorkerVrl:
    """A few workers that can be killed, one for each program under way. `close` it when the process ends."""

    def __init__(self, workers: int) -> None:
        self._all = [WorkerVrlCompiler() for _ in range(workers)]
        self._idle: queue.SimpleQueue[WorkerVrlCompiler] = queue.SimpleQueue()
        for worker in self._all:
            self._idle.put(worker)

    def compile(self, program: str, *, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        """Return what is wrong with a program; never raises, and ends within the worker's time limit."""
        with self._worker() as worker:
            found = worker.compile(program, kind=kind)
        return [
            VrlDiagnostic(
                severity=each.severity,
                message=each.message,
                line=each.line,
                column=each.column,
                code=each.code.removeprefix("vrl.") or None,
            )
            for each in found
        ]

    def close(self) -> None:
        """Kill the workers."""
        for worker in self._all:
            worker.close()

    @contextlib.contextmanager
    def _worker(self) -> Iterator[WorkerVrlCompiler]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)
