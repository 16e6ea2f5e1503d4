"""Compile VRL and run it in this process. Callers that cannot afford to die use ``vrl.pool``."""

import re
from typing import Any

from vrl_python import VRLRuntime

from vectorflow_engine.vrl import limits, timestamps
from vectorflow_engine.vrl.types import Kind, VrlDiagnostic, VrlError, VrlResult

# The condition stands on lines of its own, so that its columns stay and its lines move by one.
_CONDITION = "if {{\n{source}\n}} {{ true }} else {{ false }}"
_CONDITION_SHIFT = 1
_MAX_VARIANTS = 16
_SYNTAX = "E2"

_HEAD = re.compile(r"^error\[(E\d+)\]: (.*)$")
_PLACE = re.compile(r"^\s*┌─ [^:]*:(\d+):(\d+)$")
_ABORTED = re.compile(r"^[^\n]*│\s*\^+ aborted$", re.MULTILINE)
_DETAIL = re.compile(r"^(?:\d+ )?\s*(?:[│╭╰╯'─ ]*)([a-zA-Z`].*)$")


def diagnose(source: str, *, kind: Kind = "program", service: bool = False) -> list[VrlDiagnostic]:
    """Compile ``source`` and say what is wrong with it; an empty list means that it is good.

    A condition must give a boolean and may not change the event. ``service`` refuses what reads the host.
    """
    found = limits.check(source, kind=kind, service=service)
    if found:
        return found
    if kind == "program":
        return _compiled(source)
    # As it is written first: an unclosed bracket would else run into what is put around it.
    syntax = [each for each in _compiled(source) if each.code.startswith((_SYNTAX, "vrl."))]
    return syntax or _compiled(_CONDITION.format(source=source), _CONDITION_SHIFT)


def _compiled(source: str, shift: int = 0) -> list[VrlDiagnostic]:
    try:
        answer = VRLRuntime.check_syntax(source)
    except BaseException as error:  # noqa: BLE001, RUF100 - a Rust panic is a BaseException
        return [VrlDiagnostic(f"the compiler failed: {error}", code="vrl.crashed")]
    return [] if answer is None else parse_diagnostics(answer.formatted_message, answer.messages, shift)


def parse_diagnostics(report: str, messages: list[str], shift: int = 0) -> list[VrlDiagnostic]:
    """VRL's printed report as diagnostics; ``shift`` lines are taken off each position."""
    found: list[VrlDiagnostic] = []
    lines = report.splitlines()
    for index, line in enumerate(lines):
        head = _HEAD.match(line)
        if not head:
            continue
        place = _PLACE.match(lines[index + 1]) if index + 1 < len(lines) else None
        row, column = (int(place[1]), int(place[2])) if place else (1, 1)
        detail = _detail(lines[index + 2 :])
        text = f"{head[2]}: {detail}" if detail and detail not in head[2] else head[2]
        found.append(VrlDiagnostic(text, max(1, row - shift), column, head[1]))
    return found or [VrlDiagnostic(text, code="E000") for text in messages]


def _detail(lines: list[str]) -> str:
    """The first labels under the span; they say more than the title does."""
    labels: list[str] = []
    for line in lines:
        if line.startswith(("error[", "  = ")) or len(labels) == 2:
            break
        text = line.split("│", 1)[-1]
        if re.match(r"\s*\d+ │", line):
            continue
        text = re.sub(r"^[\s│╭╰╯╮─'^-]+", "", text).strip()
        if text:
            labels.append(text)
    return "; ".join(labels)


class Program:
    """A compiled program: run it on events, one after the other, in one thread."""

    def __init__(self, source: str, *, timezone: str | None = None, service: bool = False) -> None:
        """Compile ``source``; raises `VrlError`. ``timezone`` is an IANA name, UTC when None."""
        found = diagnose(source, service=service)
        if found:
            raise VrlError(found)
        self.source = source
        self._timezone = timezone
        self._words = limits.blank(source)
        self._can_abort = "abort" in self._words
        try:
            VRLRuntime(timezone)
        except ValueError:
            raise VrlError([VrlDiagnostic(f"unknown timezone {timezone!r}", code="vrl.timezone")]) from None
        self._plain = self._compile("")
        self._variants: dict[tuple[str, ...], tuple[VRLRuntime, str]] = {(): self._plain}

    def _compile(self, prologue: str) -> tuple[VRLRuntime, str]:
        runtime, text = VRLRuntime(self._timezone), prologue + self.source
        runtime.compile(text)
        return runtime, text

    def _variant(self, keys: tuple[str, ...]) -> tuple[VRLRuntime, str]:
        if len(self._variants) >= _MAX_VARIANTS:
            return self._plain
        try:
            made = self._compile(timestamps.prologue(keys))
        except ValueError:
            # Typing a field can turn a good program into a refused one; then it runs untyped.
            made = self._plain
        self._variants[keys] = made
        return made

    def run(self, event: dict[str, Any]) -> VrlResult:
        """Run on one event, which stays untouched. Never raises for what the program or the event does."""
        keys = timestamps.typed_keys(event, self._words)
        runtime, text = self._variants.get(keys) or self._variant(keys)
        try:
            after = runtime.execute(text, event).processed_event
        except Exception as error:  # noqa: BLE001, RUF100 - VRL says everything with one type
            return self._failure(str(error))
        after = timestamps.restore(event, after)
        if type(after) is dict:
            return VrlResult("ok", [after])
        many = after if isinstance(after, list) else [after]
        return VrlResult("ok", [each if type(each) is dict else {"message": each} for each in many])

    def _failure(self, report: str) -> VrlResult:
        text = failure_text(report)
        aborted = self._can_abort and not text.startswith("function call error") and _ABORTED.search(report)
        return VrlResult("abort" if aborted else "error", message=text)


def failure_text(report: str) -> str:
    """The first line of what VRL says of a failure at run time, without its code."""
    text = report.strip().split("\n", 1)[0]
    return text.split("]: ", 1)[1] if text.startswith("error[") and "]: " in text else text


class Condition:
    """A compiled condition: true or false for an event; an error at run time is false."""

    def __init__(self, source: str, *, service: bool = False) -> None:
        found = diagnose(source, kind="condition", service=service)
        if found:
            raise VrlError(found)
        self.source = source
        self._words = limits.blank(source)
        self._runtime = VRLRuntime()
        self._text = _CONDITION.format(source=source)
        self._runtime.compile(self._text)
        self._typed: dict[tuple[str, ...], tuple[VRLRuntime, str]] = {(): (self._runtime, self._text)}

    def _variant(self, keys: tuple[str, ...]) -> tuple[VRLRuntime, str]:
        made = (VRLRuntime(), timestamps.prologue(keys) + self._text)
        try:
            made[0].compile(made[1])
        except ValueError:
            made = (self._runtime, self._text)
        if len(self._typed) < _MAX_VARIANTS:
            self._typed[keys] = made
        return made

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether the event satisfies the condition."""
        return self.why_not(event) is None

    def why_not(self, event: dict[str, Any]) -> str | None:
        """Why the event does not satisfy the condition, None when it does."""
        keys = timestamps.typed_keys(event, self._words)
        runtime, text = self._typed.get(keys) or self._variant(keys)
        try:
            return None if runtime.execute(text, event).runtime_result is True else "the condition is false"
        except Exception as error:  # noqa: BLE001, RUF100 - an error at run time is false, as in Vector
            return failure_text(str(error))
