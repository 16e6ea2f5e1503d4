"""Findings for people and for programs: text and JSON."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import typer

from vectorflow.entry.files.load import Located
from vectorflow_topology.findings import Finding

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FIXES = {
    "remove_option": "remove {path}",
    "rename_option": "call it {value}",
    "move_option": "move it to {to}",
    "set_type": "set the type to {value}",
    "set_port": "connect {target} to {source}'s output {value}",
    "remove_edge": "remove the connection from {source} to {target}",
    "enable": "switch {component} on",
    "connect": "connect the output {port}",
    "make_secret": "write it as SECRET[{name}]",
    "create_secret": "create the secret {name}",
    "make_variable": "write it as VAR[{name}]",
    "define_variable": "define the variable {name}",
}


def out(text: str) -> None:
    """Write text to standard output as UTF-8, whatever the terminal's own encoding."""
    typer.echo(text.encode(errors="backslashreplace"), nl=False)


def err(text: str) -> None:
    """Write a line to standard error as UTF-8."""
    typer.echo(f"{text}\n".encode(errors="backslashreplace"), nl=False, err=True)


def printable(text: str) -> str:
    """Return text in which no control character can move a cursor or break a line."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found.group()):02x}", text)


def as_text(found: Sequence[Located]) -> str:
    """Return a line for each finding, and one for what may be done about it."""
    lines = []
    for file, finding in found:
        about = f" ({finding.component})" if finding.component else ""
        place = f"{file}:{finding.line or 1}:{finding.column or 1}"
        line = f"{place}: {finding.severity}: {finding.message}{about} [{finding.rule}]"
        lines.append(printable(line))
        hint = fix_hint(finding)
        if hint:
            lines.append(printable(f"    fix: {hint}"))
    return "".join(f"{line}\n" for line in lines)


def fix_hint(finding: Finding) -> str:
    """Return what would settle a finding, in words; empty when nothing certain would."""
    fix = finding.fix or {}
    path = ".".join(map(str, fix.get("path", ()))) or "the option"
    if fix.get("action") == "set_option":
        value = fix.get("value")
        return f"set {path}" if value is None else f"set {path} to {json.dumps(value, ensure_ascii=False)}"
    form = _FIXES.get(fix.get("action", ""), "")
    try:
        return form.format(**(fix | {"path": path, "to": ".".join(fix.get("to", ()))}))
    except KeyError:
        return ""


def summary(found: Sequence[Located], files: int) -> str:
    """Return how much was found in how many files, in one line."""
    counts = Counter(each.finding.severity for each in found)
    said = [
        _count(counts[severity], severity) for severity in ("error", "warning", "note") if counts[severity]
    ]
    return f"{', '.join(said) or 'nothing to say'}; {_count(files, 'file')} checked\n"


def as_json(found: Sequence[Located], files: Sequence[str]) -> str:
    """Return findings in the form of the public API, each with its file."""
    return dump({"files": list(files), "findings": [entry(each) for each in found]})


def entry(located: Located) -> dict[str, Any]:
    """Return one finding as plain values, with its file."""
    plain: dict[str, Any] = msgspec.to_builtins(located.finding)
    return {"file": located.file} | plain


def dump(value: Any) -> str:
    """Return JSON in ASCII, so that no text in it can act on a terminal."""
    return json.dumps(value, indent=2) + "\n"


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
