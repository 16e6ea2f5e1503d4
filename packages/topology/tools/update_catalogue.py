"""Write the catalogue's data files from a table of facts about Vector and from our own words.

    python tools/update_catalogue.py FACTS.json

FACTS.json holds names, types, defaults and versions, as Vector's generated reference has them.
Titles, help and corrections stand in `tools/words/`. Existing data files are overwritten; review
the difference before committing it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
DATA = HERE.parent / "src" / "vectorflow_topology" / "catalogue"
WORDS: dict[str, str] = yaml.safe_load((HERE / "words" / "options.yaml").read_text())
COMPONENTS: dict[str, dict[str, list[str]]] = yaml.safe_load((HERE / "words" / "components.yaml").read_text())
FIX: dict[str, Any] = yaml.safe_load((HERE / "words" / "corrections.yaml").read_text())
KINDS = {"sources": "source", "transforms": "transform", "sinks": "sink"}
TYPES = {"uint": "integer", "int": "integer", "float": "number", "bool": "boolean", "ascii_char": "string"}
NEXT = "0.58.0"
Node = dict[str, Any]


def main() -> None:
    """Read the facts, write every data file."""
    facts = json.loads(Path(sys.argv[1]).read_text())
    components = {
        (KINDS[group], name): dict(entry)
        for group, entries in facts["components"].items()
        for name, entry in entries.items()
        if not entry.get("internal") and not entry.get("alias_of")
    }
    aliases = {
        (KINDS[group], entry["alias_of"]): name
        for group, entries in facts["components"].items()
        for name, entry in entries.items()
        if entry.get("alias_of")
    }
    shared = _shared_blocks(components)
    for folder in (*KINDS, "shared"):
        for old in (DATA / folder).glob("*.yaml"):
            old.unlink()
    for (kind, name), entry in components.items():
        _write(DATA / f"{kind}s" / f"{name}.yaml", _component((kind, name), entry, aliases, shared, facts))
    for block in FIX["shared"]:
        path, node = shared[block]
        _write(
            DATA / "shared" / f"{block}.yaml",
            {"options": _options(node["options"], path, shared, inside=block)},
        )
    for group, options in facts["options_common_to_kind"].items():
        kind = KINDS[group]
        kept = {k: v for k, v in options.items() if k not in ("type", "inputs")}
        _write(DATA / "shared" / f"every_{kind}.yaml", {"options": _options(kept, f"{kind}.*", shared)})
    _write(DATA / "shared" / "codecs.yaml", _codecs(facts))
    root = {k: v for k, v in facts["root"].items() if k not in FIX["root_left_out"]}
    _write(DATA / "shared" / "root.yaml", {"options": _options(root, "root", shared)})


def _component(key: tuple[str, str], entry: Node, aliases: Any, shared: Any, facts: Node) -> Node:
    kind, name = key
    title, category, text = COMPONENTS[f"{kind}s"][name]
    output, features = entry.get("output") or {}, entry.get("input") or {}
    path = f"{kind}.{name}"
    options = _options(entry["options"], path, shared)
    _add_hidden(options, entry, facts)
    alias = aliases.get(key)
    known = {
        "type": name,
        "kind": kind,
        "title": title,
        "help": text,
        "status": entry["status"],
        "category": category,
        "since": entry.get("since"),
        "aliases": [alias] if alias else None,
        "input_types": [] if kind == "source" else features["types"],
        "output_types": [] if kind == "sink" else output["types"],
        "codec": "decoding" if output.get("decoder") else "encoding" if features.get("codec") else None,
        "ports": FIX["ports"].get(path, "none" if kind == "sink" else "default"),
        "resources": FIX["resources"].get(path),
        "acknowledges": bool(entry.get("can_acknowledge")) if kind == "source" else None,
        "stateful": next((what for what, paths in FIX["stateful"].items() if path in paths), None),
        "closed": entry["deny_unknown_fields"] or None,
        "confined": (kind == "sink" and name in facts["confinement"]["sinks"]) or None,
        "one_of": _groups(entry["options"], path),
        "options": options,
    }
    return {key: value for key, value in known.items() if value is not None}


def _add_hidden(options: Node, entry: Node, facts: Node) -> None:
    for name in entry.get("hidden_options") or {}:
        if name not in options:
            options[name] = {"type": "any", "hidden": True}
    for name, last in (entry.get("removed_options_last_seen") or {}).items():
        tags = [tag.removeprefix("v") for tag in facts["meta"]["history_tags"]]
        after = tags.index(last) + 1
        target = options
        *parents, leaf = name.split(".")
        for parent in parents:
            target = target[parent].setdefault("options", {})
        target[leaf] = {"type": "any", "hidden": True, "removed": tags[after] if after < len(tags) else NEXT}
    for old, new in (entry.get("aliases") or {}).items():
        if new in options:
            options[new].setdefault("aliases", []).append(old)


def _options(options: Node, path: str, shared: Any, inside: str | None = None) -> Node:
    return {name: _option(name, node, f"{path}.{name}", shared, inside) for name, node in options.items()}


def _option(name: str, node: Node, path: str, shared: Any, inside: str | None = None) -> Node:
    written: Node = {}
    title, text = _words(path)
    block = shared.get(_structure(node)) if node.get("options") else None
    if block and block != inside:
        written["use"] = block
    else:
        written["type"] = "vrl" if _is_listed("programs", path) else _type(node)
    written |= {"title": title, "help": text}
    written["required"] = (node.get("required") and not _is_excused(path)) or None
    written["essential"] = node.get("common") or path in FIX["essential"] or None
    if "default" in node and node["default"] is not None:
        written["default"] = node["default"]
    written |= {key: node.get(key) for key in ("enum", "unit", "deprecated", "replaced_by", "required_when")}
    written["relevant_when"] = _correction("relevant_when", path) or node.get("relevant_when")
    written["since"] = NEXT if node.get("unreleased") else node.get("since")
    written |= _nature(name, node, path)
    written["one_of"] = _groups(node.get("options") or {}, path)
    if "use" not in written:
        written |= _children(node, path, shared)
    return {key: value for key, value in written.items() if value is not None}


def _nature(name: str, node: Node, path: str) -> Node:
    """Say what a value is apart from its type: secret, template, program, signed, one character."""
    kinds = node["type"] if isinstance(node["type"], list) else [node["type"]]
    texts = "string" in kinds or (node["type"] in ("array", "object") and not node.get("options"))
    return {
        "sensitive": (texts and _is_listed("sensitive", path)) or None,
        "carries_secret": (texts and _is_listed("carriers", path)) or None,
        "template": node.get("syntax") == "template" or None,
        "language": "lua" if node.get("syntax") == "lua" else None,
        "signed": "int" in kinds or None,
        "length": 1 if node["type"] == "ascii_char" else None,
        "also": _correction("also", path) or FIX["also"].get(name if path.count(".") == 2 else ""),
    }


def _children(node: Node, path: str, shared: Any) -> Node:
    children: Node = {}
    options = dict(node.get("options") or {})
    rest = options.pop("*", None)
    if options:
        children["options"] = _options(options, path, shared)
    if rest or isinstance(node.get("map_of"), dict):
        children["values"] = _bare(rest or node["map_of"], f"{path}[]", shared)
    if isinstance(node.get("items"), dict):
        children["items"] = _bare(node["items"], f"{path}[]", shared)
    if isinstance(node["type"], list):
        children["any_of"] = [{"type": TYPES.get(kind, kind)} for kind in node["type"]]
    return children


def _bare(node: Node, path: str, shared: Any) -> Node:
    """An item of an array or a value of a map: like an option, but without words of its own."""
    written = _option(path.rsplit(".", 1)[-1], {"required": False, **node}, path, shared)
    return {k: v for k, v in written.items() if k not in ("title", "help", "required", "essential")}


def _type(node: Node) -> str:
    if isinstance(node["type"], list):
        return "union"
    if node.get("syntax") == "vrl_program":
        return "vrl"
    if node["type"] == "object" and "map_of" in node and not node.get("options"):
        return "map"
    return str(TYPES.get(node["type"], node["type"]))


def _words(path: str) -> tuple[str | None, str | None]:
    names = re.sub(r"\[\]", "", path).split(".")
    candidates = [".".join(names), ".".join(names[1:]), *(".".join(names[i:]) for i in range(2, len(names)))]
    found = next((WORDS[candidate] for candidate in candidates if candidate in WORDS), None)
    if found is None:
        return None, None
    title, _, text = found.rpartition(" | ")
    return title or None, text


def _is_listed(what: str, path: str) -> bool:
    plain = path.replace("[]", "")
    if plain in FIX.get(f"not_{what}", ()):
        return False
    return any(plain == name or plain.endswith(f".{name}") for name in FIX[what])


def _is_excused(path: str) -> bool:
    parent, _, name = path.rpartition(".")
    for entry in FIX["optional_children"]:
        for owner, names in entry.items():
            if name in names and (parent == owner or parent.endswith(f".{owner}")):
                return True
    return any(parent == owner and name in names for owner, names in FIX["one_of"].items())


def _correction(what: str, path: str) -> Any:
    return FIX[what].get(path)


def _groups(options: Node, path: str) -> list[list[str]] | None:
    groups = {tuple(node["required_one_of"]) for node in options.values() if node.get("required_one_of")}
    if path in FIX["one_of"]:
        groups.add(tuple(FIX["one_of"][path]))
    return sorted(list(group) for group in groups) or None


def _structure(node: Node) -> str:
    own = ("required", "common", "default", "relevant_when", "since", "deprecated", "unreleased")
    return json.dumps({k: v for k, v in node.items() if k not in own}, sort_keys=True)


def _shared_blocks(components: dict[tuple[str, str], Node]) -> dict[str, Any]:
    """Map both ways: structure → block name, and block name → (path, structure)."""
    found: dict[str, Any] = {}
    for block, path in FIX["shared"].items():
        kind, name, *steps = path.split(".")
        node: Node = {"options": components[(kind, name)]["options"]}
        for step in steps:
            node = node["options"][step]
        found[_structure(node)] = block
        found[block] = (f"shared.{steps[-1]}" if len(steps) == 1 else f"shared.{'.'.join(steps[-2:])}", node)
    return found


def _codecs(facts: Node) -> Node:
    codecs = facts["codecs"]
    return {
        "decoding": {"default": codecs["decoding"]["default"], "types": codecs["decoding"]["output_types"]},
        "encoding": {"types": codecs["encoding"]["input_types"]},
    }


def _write(path: Path, data: Node) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    path.write_text(text)


if __name__ == "__main__":
    main()
