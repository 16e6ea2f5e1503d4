"""What a check, a compile or an import has to say about a document, one finding at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

Severity = Literal["error", "warning", "note"]
Path = tuple[str | int, ...]

_RANK = {"error": 0, "warning": 1, "note": 2}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One remark, in the JSON form of the public API.

    `component` is the id of the component it is about, or null for the whole document. `path` leads
    from the component's options (or, without a component, from the document) to the value. `line`
    and `column` count from 1 and point into the compiled YAML, or into the text that was imported.
    `fix` describes a change that would settle the finding: an object with an `action` and what it needs.
    """

    rule: str
    severity: Severity
    message: str
    component: str | None = None
    path: Path = ()
    line: int | None = None
    column: int | None = None
    fix: dict[str, Any] | None = None


class FindingsError(ValueError):
    """A refusal that carries its findings; the text is the first of them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings: tuple[Finding, ...] = tuple(findings)
        super().__init__(self.findings[0].message if self.findings else "refused without a reason")


def error(rule: str, message: str, component: str | None = None, path: Path = (), **more: Any) -> Finding:
    """Build a finding that stops the document from running."""
    return Finding(rule=rule, severity="error", message=message, component=component, path=path, **more)


def warning(rule: str, message: str, component: str | None = None, path: Path = (), **more: Any) -> Finding:
    """Build a finding about something that runs but hardly as it was meant."""
    return Finding(rule=rule, severity="warning", message=message, component=component, path=path, **more)


def note(rule: str, message: str, component: str | None = None, path: Path = (), **more: Any) -> Finding:
    """Build a finding that is only worth knowing."""
    return Finding(rule=rule, severity="note", message=message, component=component, path=path, **more)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Sort findings for reading: errors first, then by position, then by component and path."""
    return sorted(
        findings,
        key=lambda f: (
            _RANK[f.severity],
            f.line or 0,
            f.column or 0,
            f.component or "",
            [str(p) for p in f.path],
        ),
    )


def has_errors(findings: Iterable[Finding]) -> bool:
    """Say whether any finding is an error."""
    return any(finding.severity == "error" for finding in findings)
