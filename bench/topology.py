"""How long the topology library takes: compile, import, check and diff, for 50 and 1,000 components.

    python bench/topology.py

Prints the best of several runs in milliseconds beside the number to build for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.checks import check
from vectorflow_topology.compiler import commented, compile_document
from vectorflow_topology.diff import diff_documents
from vectorflow_topology.document import Document, document_from_json, document_to_json
from vectorflow_topology.importer import import_text

PROGRAM = (
    '. = parse_json!(.message)\n.host = get_hostname!()\n.price = to_float(.price) ?? 0.0\n.tag = "$1"\n'
)


def document(parts: int) -> Document:
    """A pipeline of `parts` chains of five components each, every tenth chain crossing to the next."""
    components: list[dict[str, Any]] = []
    edges: list[dict[str, str]] = []
    for n in range(parts):
        encoding = {"codec": "json", "except_fields": ["a", "b"]}
        components += [
            {
                "id": f"in{n}",
                "kind": "source",
                "type": "file",
                "options": {"include": [f"/var/log/{n}/*.log"]},
            },
            {
                "id": f"parse{n}",
                "kind": "transform",
                "type": "remap",
                "options": {"source": PROGRAM, "drop_on_error": True},
            },
            {
                "id": f"split{n}",
                "kind": "transform",
                "type": "route",
                "options": {"route": {"bad": ".s > VAR[n]", "ok": "true"}},
            },
            {
                "id": f"file{n}",
                "kind": "sink",
                "type": "file",
                "options": {"path": f"/out/{n}", "encoding": encoding},
            },
            {
                "id": f"http{n}",
                "kind": "sink",
                "type": "http",
                "options": {
                    "uri": "https://example.com",
                    "encoding": encoding,
                    "auth": {"strategy": "bearer", "token": "SECRET[token]"},
                    "request": {"timeout_secs": 30, "headers": {"X-Team": "a"}},
                    "batch": {"max_events": 100},
                },
            },
        ]
        pairs = [
            (f"in{n}", "_default", f"parse{n}"),
            (f"parse{n}", "_default", f"split{n}"),
            (f"split{n}", "bad", f"http{n}"),
        ]
        pairs += [
            (f"split{n}", "ok", f"file{n}"),
            (f"split{n}", "_unmatched", f"file{(n + (n % 10 == 0)) % parts}"),
        ]
        edges += [{"source": source, "port": port, "target": target} for source, port, target in pairs]
    variables = {"n": {"type": "number", "value": 400}}
    return document_from_json({"components": components, "edges": edges, "variables": variables})


def best(run: Callable[[], object], times: int) -> float:
    """The shortest of several runs, in milliseconds."""
    shortest = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        run()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest * 1000


def remarked(text: str) -> str:
    """The text with a comment above and beside every third line, where YAML takes one."""
    lines: list[str] = []
    for number, line in enumerate(text.splitlines()):
        if number % 3 == 0 and line.endswith(":"):
            indent = line[: len(line) - len(line.lstrip())]
            lines += [f"{indent}# above line {number}", f"{line} # beside line {number}"]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    print(f"{'what':<34}{'components':>12}{'ms':>10}{'to reach':>10}")
    print(
        f"{'read the catalogue (once)':<34}{len(catalogue().components):>12}{best(catalogue.__wrapped__, 3):>10.1f}{'':>10}"
    )
    for parts, times, limits in ((10, 20, (5, 20, 20, "")), (200, 3, ("", "", 2000, ""))):
        subject = document(parts)
        changed = msgspec.structs.replace(subject, edges=subject.edges[1:])
        text, plain = compile_document(subject).yaml, document_to_json(subject)
        noted = remarked(text.decode())
        rows: list[tuple[str, Callable[[], object], object]] = [
            ("compile", lambda s=subject: compile_document(s), limits[0]),
            ("import", lambda t=text: import_text(t), limits[1]),
            (
                "import and write comments back",
                lambda t=noted: [commented(each.document) for each in import_text(t).documents],
                150 if parts == 10 else "",
            ),
            ("check without VRL", lambda s=subject: check(s), limits[2]),
            ("diff", lambda s=subject, c=changed: diff_documents(s, c), limits[3]),
            ("read from JSON", lambda p=plain: document_from_json(p), ""),
        ]
        for name, run, limit in rows:
            print(f"{name:<34}{parts * 5:>12}{best(run, times):>10.1f}{limit!s:>10}")
    print(f"\ncompiled text of 50 components: {len(compile_document(document(10)).yaml.splitlines())} lines")


if __name__ == "__main__":
    main()
