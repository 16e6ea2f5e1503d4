"""A pipeline as a Mermaid flow chart, for pages that draw such."""

import re

from vectorflow_topology.document import DEFAULT_PORT, Document

_SHAPES = {"source": ("([", "])"), "transform": ("[", "]"), "sink": ("[(", ")]")}
_SPECIAL = re.compile(r"[^\w .:/-]")


def as_mermaid(document: Document) -> str:
    """Return the chart. Nodes are numbered, so that no id can be mistaken for a word of Mermaid's."""
    numbers = {component.id: f"n{index}" for index, component in enumerate(document.components)}
    lines = ["flowchart LR"]
    for component in document.components:
        before, after = _SHAPES[component.kind]
        off = "" if component.enabled else "<br/>(off)"
        label = f"{_text(component.id)}<br/>{_text(component.type)}{off}"
        lines.append(f'    {numbers[component.id]}{before}"{label}"{after}')
    for edge in document.edges:
        if edge.source in numbers and edge.target in numbers:
            label = "" if edge.port == DEFAULT_PORT else f'|"{_text(edge.port)}"|'
            lines.append(f"    {numbers[edge.source]} -->{label} {numbers[edge.target]}")
    return "\n".join(lines) + "\n"


def _text(text: str) -> str:
    """Characters that mean something to Mermaid, or to the page around it, as numbered entities."""
    return _SPECIAL.sub(lambda found: f"#{ord(found.group())};", text)
