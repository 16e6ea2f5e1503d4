"""VRL for checks at the command line: the engine's killable worker, and what newer versions of Vector know."""

from typing import Literal

from vectorflow_engine.vrl import WorkerVrlCompiler
from vectorflow_engine.vrl.functions import Call, calls, exists_in
from vectorflow_topology.vrl import VrlDiagnostic

_READS_FILES = "file_read_at_compile"
_SYNTAX = "E2"


class VersionedVrl:
    """Compiles VRL for a version of Vector; satisfies topology's `VrlCompiler`. Close it when done.

    Functions that only run on the host later may stand in a program. One that reads files while it is
    compiled, or that the VRL here lacks, makes the program one that is not compiled here, which is noted.
    """

    def __init__(self, vector_version: str) -> None:
        self._version = vector_version
        self._worker = WorkerVrlCompiler(service=False)

    def __enter__(self) -> "VersionedVrl":
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def compile(self, program: str, *, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        """Return what is wrong with a program; never raises, and ends within the worker's time limit."""
        called = list(calls(program))
        found = [self._too_new(each) for each in called if not exists_in(each.function, self._version)]
        lacking = [each for each in called if not each.function.compiles_here]
        reading = [each for each in called if each.function.touches == _READS_FILES]
        if reading:
            return [*found, _not_compiled(reading[0], "reads a file while it is compiled")]
        said = self._compiled(program, kind)
        if lacking:
            said = [each for each in said if (each.code or "").startswith((_SYNTAX, "too-", "timeout"))]
            if not found:
                said.append(_not_compiled(lacking[0], "is newer than the VRL here"))
        return [*found, *said]

    def _compiled(self, program: str, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        return [
            VrlDiagnostic(
                severity="error",
                message=each.message,
                line=each.line,
                column=each.column,
                code=each.code.removeprefix("vrl.") or None,
            )
            for each in self._worker.compile(program, kind=kind)
        ]

    def _too_new(self, call: Call) -> VrlDiagnostic:
        name, since = call.function.name, call.function.since
        return VrlDiagnostic(
            severity="error",
            message=f"{name} exists since Vector {since}; the target is {self._version}.",
            line=call.line,
            column=call.column,
            code="function-too-new",
        )


def _not_compiled(call: Call, why: str) -> VrlDiagnostic:
    return VrlDiagnostic(
        severity="note",
        message=f"{call.function.name} {why}, so this program was not compiled. Vector has the last word.",
        line=call.line,
        column=call.column,
        code="not-compiled",
    )
