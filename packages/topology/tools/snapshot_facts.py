"""Write the table that the tests compare the catalogue with.

    python tools/snapshot_facts.py FACTS.json

One line per option: its type, `!` when it must be given, and its choices. Nothing of the catalogue's
own code is used, so that a fault there cannot hide here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parent.parent / "tests" / "data" / "vector-options.json"
Node = dict[str, Any]


def main() -> None:
    """Read the facts and write the table."""
    facts = json.loads(Path(sys.argv[1]).read_text())
    table = {
        f"{group[:-1]}.{name}": {
            "input": (entry.get("input") or {}).get("types", []),
            "output": (entry.get("output") or {}).get("types", []),
            "since": entry.get("since"),
            "aliases": entry.get("aliases") or {},
            "resources": entry.get("resources") or [],
            "options": dict(_flat(entry["options"], "")),
        }
        for group, entries in facts["components"].items()
        for name, entry in entries.items()
        if not entry.get("internal") and not entry.get("alias_of")
    }
    lines = ",\n".join(
        f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in table.items()
    )
    TARGET.write_text(f"{{\n{lines}\n}}\n")


def _flat(options: Node, prefix: str) -> list[tuple[str, str]]:
    found = []
    for name, node in options.items():
        found.extend(_one(f"{prefix}{name}", node))
    return found


def _one(path: str, node: Node) -> list[tuple[str, str]]:
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    told = "|".join(kinds) + ("!" if node.get("required") else "")
    if node.get("enum"):
        told += f" {','.join(map(str, node['enum']))}"
    found = [(path, told), *_flat(node.get("options") or {}, f"{path}.")]
    for inner in ("items", "map_of"):
        if isinstance(node.get(inner), dict):
            found.extend(_one(f"{path}[]", node[inner]))
    return found


if __name__ == "__main__":
    main()
