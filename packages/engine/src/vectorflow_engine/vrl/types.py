"""What VRL's compiler and runner say: diagnostics, outcomes, errors."""

from typing import Any, Literal

import msgspec

Kind = Literal["program", "condition"]


class VrlDiagnostic(msgspec.Struct, frozen=True):
    """One complaint about a program; ``line`` and ``column`` count from 1.

    ``code`` is VRL's own (``E103``), or one of ours: ``vrl.too-large``, ``vrl.forbidden``,
    ``vrl.read-only``, ``vrl.timeout``, ``vrl.crashed``, ``vrl.unavailable``, ``vrl.timezone``,
    ``vrl.not-text``, ``vrl.not-compiled``. The last is a note: only a newer VRL can judge the program.
    """

    message: str
    line: int = 1
    column: int = 1
    code: str = ""
    severity: Literal["error", "note"] = "error"


class VrlResult(msgspec.Struct):
    """What one event became: ``ok`` with the events it turned into, ``error`` or ``abort`` with the reason."""

    outcome: Literal["ok", "error", "abort"]
    events: list[Any] = []
    message: str = ""


class VrlError(Exception):
    """VRL could not be compiled or run; the diagnostics say where and why."""

    def __init__(self, diagnostics: list[VrlDiagnostic]) -> None:
        self.diagnostics = diagnostics
        super().__init__("; ".join(f"line {d.line}, column {d.column}: {d.message}" for d in diagnostics))
