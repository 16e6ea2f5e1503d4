"""Writes the reference of Vector's components from the catalogue, one page per kind.

Run it after changing the catalogue: `.venv/bin/python docs/_tools/components.py`. With `--check` it
writes nothing and fails when a page is not as it would be written.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from vectorflow_topology.catalogue import ComponentSpec, OptionSpec, catalogue
from vectorflow_topology.document import Kind

PAGES: Final = Path(__file__).resolve().parent.parent / "reference" / "components"
_TITLES: Final[dict[Kind, str]] = {"source": "Sources", "transform": "Transforms", "sink": "Sinks"}
_INTRODUCTION: Final = """# {title}

What Vector has in versions 0.54 to 0.58: {count} types. Options that are required or that most people set
come first; the editor's forms show all of them with their help. Made from the catalogue by
`docs/_tools/components.py`.
"""
_MOST_DEPTH: Final = 2


def page(kind: Kind) -> str:
    """Return the page of a kind."""
    specs = sorted((each for each in catalogue().components if each.kind == kind), key=lambda each: each.type)
    head = _INTRODUCTION.format(title=_TITLES[kind], count=len(specs))
    return head + "".join(_component(spec) for spec in specs)


def _component(spec: ComponentSpec) -> str:
    rows = list(_options(spec.options))
    shown = [row for row in rows if row[0]]
    named = ", ".join(f"`{name}`" for name, each in spec.options.items() if not each.hidden)
    lines = [f"\n## {spec.type}\n\n**{spec.title}**. {spec.help} {_facts(spec)}\n"]
    if shown:
        lines.append("\n| Option | Type | Default | Meaning |\n| --- | --- | --- | --- |\n")
        lines.extend(text for _, text in shown)
    lines.append(f"\nAll options: {named}.\n" if named else "\nIt has no options.\n")
    return "".join(lines)


def _facts(spec: ComponentSpec) -> str:
    facts = [spec.status] if spec.status else []
    if spec.input_types:
        facts.append(f"takes {_listed(spec.input_types)}")
    if spec.output_types and spec.kind != "sink":
        facts.append(f"sends {_listed(spec.output_types)}")
    facts += [f"since {spec.since}"] if spec.since else []
    facts += [f"removed in {spec.removed}"] if spec.removed else []
    facts += [f"also called {', '.join(spec.aliases)}"] if spec.aliases else []
    facts += ["acknowledges"] if spec.acknowledges else []
    return f"*{'; '.join(facts)}*" if facts else ""


def _options(
    options: Mapping[str, OptionSpec], before: str = "", depth: int = 1
) -> Iterator[tuple[bool, str]]:
    """Rows of the table, with whether each is worth one; what stands deeper only below such."""
    for name, spec in options.items():
        worth = (spec.required or spec.essential) and not spec.hidden
        yield worth, _row(f"{before}{name}", spec)
        if worth and spec.options and depth < _MOST_DEPTH:
            yield from _options(spec.options, f"{before}{name}.", depth + 1)


def _row(name: str, spec: OptionSpec) -> str:
    kind = " or ".join(f"`{each}`" for each in spec.enum) if spec.enum and len(spec.enum) <= 8 else spec.type
    kind += f" ({spec.unit})" if spec.unit else ""
    default = "required" if spec.required else ""
    if spec.default is not msgspec.UNSET:
        default = f"`{msgspec.json.encode(spec.default).decode()}`"
    meaning = spec.help or spec.title
    meaning += f" Only when `{spec.relevant_when}`." if spec.relevant_when else ""
    meaning += " A credential: write `SECRET[name]`." if spec.sensitive else ""
    meaning += f" Since {spec.since}." if spec.since else ""
    meaning += f" Removed in {spec.removed}." if spec.removed else ""
    cells = (f"`{name}`", kind, default or "–", meaning)
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |\n"


def _listed(types: tuple[str, ...]) -> str:
    return ", ".join(f"{each}s" for each in types)


def main() -> int:
    """Write the pages that have changed, or say which would."""
    is_check = "--check" in sys.argv[1:]
    stale = 0
    PAGES.mkdir(parents=True, exist_ok=True)
    for kind, title in _TITLES.items():
        path = PAGES / f"{title.lower()}.md"
        if not path.exists() or path.read_text() != page(kind):
            stale += 1
            sys.stdout.write(f"{path.relative_to(PAGES.parent.parent.parent)}\n")
            if not is_check:
                path.write_text(page(kind))
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
