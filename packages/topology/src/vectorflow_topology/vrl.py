"""What this package knows of VRL: the protocol that a compiler of programs fulfils."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec


class VrlDiagnostic(msgspec.Struct, frozen=True, kw_only=True):
    """One remark of a VRL compiler. `line` and `column` count from 1 within the program."""

    severity: Literal["error", "warning", "note"]
    message: str
    line: int = 1
    column: int = 1
    code: str | None = None


class VrlCompiler(Protocol):
    """Compiles VRL without running it. Implementations answer in bounded time and never raise."""

    def compile(self, program: str, *, kind: Literal["program", "condition"]) -> list[VrlDiagnostic]:
        """Return what is wrong with the program; an empty list means that it compiles."""
        ...
