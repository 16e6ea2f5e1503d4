"""Write the reference of VRL's functions from a table of facts and from our own words.

    python tools/update_functions.py FACTS.json

FACTS.json holds names, arguments, types and versions, as VRL's generated reference has them. The one-line
summaries stand beside this file. The data file is overwritten, one function a line; review the difference.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
TARGET = HERE.parent / "src/vectorflow_engine/vrl/functions.json"
OLDEST = "0.34.0"  # the first version that the facts know: "since" it means "at least since it"


def main() -> None:
    """Read the facts, write the data file."""
    facts = json.loads(Path(sys.argv[1]).read_text())
    words: dict[str, str] = yaml.safe_load((HERE / "vrl_summaries.yaml").read_text())
    names = {each["name"] for each in facts["functions"]}
    if names != set(words):
        sys.exit(f"summaries and facts differ: {', '.join(sorted(names ^ set(words)))}")
    rows = sorted((entry(each, words[each["name"]]) for each in facts["functions"]), key=lambda e: e["name"])
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    TARGET.write_text(f"[\n{lines}\n]\n")


def entry(fact: dict[str, Any], summary: str) -> dict[str, Any]:
    """One function as it stands in the data file; what has its usual value is left out."""
    since = fact.get("since_vector")
    optional = {
        "since": None if since == OLDEST else since,
        "touches": fact.get("touches"),
        "closure": fact["closure"],
        "deprecated": fact["deprecated"],
    }
    return {
        "name": fact["name"],
        "category": fact["category"],
        "summary": summary,
        "arguments": [argument(each) for each in fact["arguments"]],
        "returns": fact["returns"],
        "fallible": fact["fallible"],
        "compiles_here": fact["in_vrl_python_0_1_0"],
        **{key: value for key, value in optional.items() if value},
    }


def argument(fact: dict[str, Any]) -> dict[str, Any]:
    """One argument as it stands in the data file."""
    made: dict[str, Any] = {"name": fact["name"], "types": fact["type"]}
    if not fact["required"]:
        made["required"] = False
    if "default" in fact:
        made["default"] = str(fact["default"])
    if "enum" in fact:
        made["choices"] = fact["enum"]
    return made


if __name__ == "__main__":
    main()
