"""Two configurations side by side: by meaning, and as the text that nodes would run."""

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from vectorflow.entry.files.report import printable
from vectorflow_topology.compiler import CompileFailed, Target, compile_document
from vectorflow_topology.diff import Change, diff_documents, diff_text, redacted
from vectorflow_topology.document import DEFAULT_PORT, Document
from vectorflow_topology.manifest import document_to_yaml

_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


class Difference(NamedTuple):
    """What changed by meaning, and by line; `compiled` tells whether the lines are those that nodes run."""

    changes: list[Change]
    text: str
    compiled: bool


def compare(old: Document, new: Document, target: Target) -> Difference:
    """Compare two documents. Credentials are shown in neither form."""
    changes = diff_documents(old, new)
    try:
        before, after = (compile_document(each, target).yaml for each in (old, new))
        return Difference(changes, diff_text(before, after), compiled=True)
    except CompileFailed:
        was, now = (document_to_yaml(redacted(each)).splitlines(keepends=True) for each in (old, new))
        text = "".join(difflib.unified_diff(was, now, "before", "after"))
        return Difference(changes, text, compiled=False)


def changes_text(changes: Sequence[Change]) -> str:
    """Return one line for each change; programs and other long texts line by line."""
    return "".join(f"{line}\n" for change in changes for line in _lines(change))


def _lines(change: Change) -> Iterator[str]:
    sign = _SIGNS[change.kind]
    if change.what == "edge":
        edge = change.before or change.after
        port = "" if edge["port"] == DEFAULT_PORT else f".{edge['port']}"
        yield printable(f"{sign} {edge['source']}{port} -> {edge['target']}")
        return
    subject = ".".join([*([change.component] if change.component else []), *map(str, change.path)])
    if change.what == "component":
        was, now = (
            each and f"{each['kind']} of type {each['type']}" for each in (change.before, change.after)
        )
        yield printable(f"{sign} {subject}: {was or now}" + (f" → {now}" if was and now else ""))
        return
    if (
        isinstance(change.before, str)
        and isinstance(change.after, str)
        and "\n" in change.before + change.after
    ):
        yield printable(f"{sign} {subject}:")
        parts = difflib.unified_diff(change.before.splitlines(), change.after.splitlines(), lineterm="", n=1)
        yield from (printable(f"    {line}") for line in parts if not line.startswith(("---", "+++")))
        return
    was, now = (_value(each) for each in (change.before, change.after))
    shown = {"added": now, "removed": was, "changed": f"{was} → {now}"}[change.kind]
    yield printable(f"{sign} {subject}: {shown}")


def _value(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"
