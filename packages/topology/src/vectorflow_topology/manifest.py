"""The document as YAML that people read and keep in git, and back."""

from __future__ import annotations

from typing import Any

from vectorflow_topology.document import (
    DEFAULT_PORT,
    FORMAT,
    Document,
    DocumentInvalid,
    document_from_json,
    document_to_json,
)
from vectorflow_topology.findings import error
from vectorflow_topology.text.parse import parse_text
from vectorflow_topology.text.reader import Refused
from vectorflow_topology.text.writer import Inline, write_yaml

_REST = ("selector", "globals", "enrichment_tables", "tests", "variables", "comments", "groups")
_DEFAULTS: dict[str, Any] = {"enabled": True, "comment": "", "options": {}}


def document_to_yaml(document: Document) -> str:
    """Return the document as YAML: what has its usual value is left out, edges stand as `a.port -> b`."""
    plain = document_to_json(document)
    components = [
        {key: value for key, value in component.items() if key not in _DEFAULTS or value != _DEFAULTS[key]}
        for component in plain["components"]
    ]
    edges = [
        f"{edge['source']}{'' if edge['port'] == DEFAULT_PORT else '.' + edge['port']} -> {edge['target']}"
        for edge in plain["edges"]
    ]
    layout = {name: Inline((place["x"], place["y"])) for name, place in plain["layout"].items()}
    written = {"format": FORMAT, "components": components, "edges": edges}
    rest = {key: plain[key] for key in _REST if plain.get(key)}
    return write_yaml(written | rest | ({"layout": layout} if layout else {}))


def document_from_yaml(text: str | bytes) -> Document:
    """Read what `document_to_yaml` wrote, or what a person changed in it. Raises `DocumentInvalid`."""
    try:
        plain = parse_text(text, "yaml").value
    except Refused as refused:
        raise DocumentInvalid(refused.findings) from None
    if not isinstance(plain, dict):
        raise DocumentInvalid([error("document.shape", "A pipeline is a mapping with components and edges.")])
    if isinstance(plain.get("edges"), list):
        plain["edges"] = [_edge(edge) for edge in plain["edges"]]
    if isinstance(plain.get("layout"), dict):
        plain["layout"] = {name: _position(place) for name, place in plain["layout"].items()}
    return document_from_json(plain)


def _edge(edge: Any) -> Any:
    if not isinstance(edge, str):
        return edge
    output, arrow, target = edge.partition(" -> ")
    source, _, port = output.strip().partition(".")
    if not arrow:
        raise DocumentInvalid(
            [error("document.edge", f"{edge[:80]!r} is not a connection; write: a.port -> b.")]
        )
    return {"source": source, "port": port or DEFAULT_PORT, "target": target.strip()}


def _position(place: Any) -> Any:
    return {"x": place[0], "y": place[1]} if isinstance(place, list) and len(place) == 2 else place
