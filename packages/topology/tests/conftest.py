from typing import Any

import pytest

from vectorflow_topology.document import Document, document_from_json

DEMO: dict[str, Any] = {
    "components": [
        {"id": "access_log", "kind": "source", "type": "file", "options": {"include": ["/var/log/a.log"]}},
        {
            "id": "parse",
            "kind": "transform",
            "type": "remap",
            "options": {"source": '. = parse_json!(.message)\n.price = "$1"\n'},
        },
        {
            "id": "split",
            "kind": "transform",
            "type": "route",
            "options": {"route": {"errors": ".status >= VAR[limit]", "slow": ".duration > 1.5"}},
        },
        {
            "id": "to_file",
            "kind": "sink",
            "type": "file",
            "options": {"path": "/tmp/out-%Y.log", "encoding": {"codec": "json"}},
        },
        {
            "id": "to_http",
            "kind": "sink",
            "type": "http",
            "options": {
                "uri": "https://example.com/in",
                "encoding": {"codec": "json"},
                "auth": {"strategy": "bearer", "token": "SECRET[token]"},
            },
        },
    ],
    "edges": [
        {"source": "access_log", "target": "parse"},
        {"source": "parse", "target": "split"},
        {"source": "split", "port": "errors", "target": "to_http"},
        {"source": "split", "port": "slow", "target": "to_http"},
        {"source": "split", "port": "_unmatched", "target": "to_file"},
    ],
    "layout": {"access_log": {"x": 0, "y": 10.5}},
    "variables": {"limit": {"type": "number", "value": 500}},
}


def make(*components: dict[str, Any], edges: str = "", **more: Any) -> Document:
    """A document from short forms: `edges="a>b a.port>c"`, a kind guessed from the type's place."""
    built = []
    for edge in edges.split():
        source, target = edge.split(">")
        name, _, port = source.partition(".")
        built.append({"source": name, "target": target, "port": port or "_default"})
    return document_from_json({"components": list(components), "edges": built, **more})


@pytest.fixture
def build():
    return make


@pytest.fixture
def demo() -> Document:
    return document_from_json(DEMO)


def source(name: str = "in", type_name: str = "stdin", **options: Any) -> dict[str, Any]:
    return {"id": name, "kind": "source", "type": type_name, "options": options}


def transform(name: str, type_name: str, **options: Any) -> dict[str, Any]:
    return {"id": name, "kind": "transform", "type": type_name, "options": options}


def sink(name: str = "out", type_name: str = "blackhole", **options: Any) -> dict[str, Any]:
    return {"id": name, "kind": "sink", "type": type_name, "options": options}


class Parts:
    """Short ways to write components."""

    source = staticmethod(source)
    transform = staticmethod(transform)
    sink = staticmethod(sink)


@pytest.fixture
def part() -> type[Parts]:
    return Parts
