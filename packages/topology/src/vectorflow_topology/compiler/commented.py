"""The configuration for people: what a node runs, with the comments written back."""

from __future__ import annotations

from vectorflow_topology.compiler.compile import compile_document
from vectorflow_topology.compiler.types import SECTIONS, Target
from vectorflow_topology.document import Document, Remark
from vectorflow_topology.text.remarks import write_remarks


def commented(document: Document, target: Target | None = None) -> str:
    """Return the compiled YAML with the document's comments. Raises `CompileFailed`.

    Its bytes differ from what a node runs; its meaning does not.
    """
    target = target or Target()
    remarks = dict(document.comments)
    for component in document.components:
        if component.comment:
            key = f"{SECTIONS[component.kind]}/{component.id}"
            other = remarks.get(key, Remark())
            remarks[key] = Remark(before=component.comment, inline=other.inline, after=other.after)
    harmless = {
        key: Remark(
            before=_harmless(each.before, target),
            inline=_harmless(each.inline, target),
            after=_harmless(each.after, target),
        )
        for key, each in remarks.items()
    }
    return write_remarks(compile_document(document, target).yaml.decode(), harmless)


def _harmless(comment: str, target: Target) -> str:
    """Vector puts secrets and the environment in place by text, in comments too."""
    text = comment.replace("SECRET[", "SECRET [")
    return text.replace("$", "$$") if target.interpolates else text
