"""Writes the page of the built-in templates and snippets from their data.

Run it after changing one: `.venv/bin/python docs/_tools/templates.py`. With `--check` it writes nothing and
fails when the page is not as it would be written.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vectorflow_engine.vrl.snippets import snippets
from vectorflow_topology.templates import Parameter, Template, templates

PAGE: Final = Path(__file__).resolve().parent.parent / "reference" / "templates.md"
_TITLES: Final = {"pattern": "From source to sink", "protection": "Data protection"}
_INTRODUCTION: Final = """# Templates and snippets

What the gallery holds, made from its data by `docs/_tools/templates.py`. How to use it stands in
[Templates](../guide/templates.md). Each template is run with its own events in the tests: one that must change, one
that must stay, one that tries to slip through.
"""


def page() -> str:
    """Return the whole page."""
    return "".join([_INTRODUCTION, *_templates(), *_snippets()])


def _templates() -> Iterator[str]:
    for category, title in _TITLES.items():
        yield f"\n## {title}\n"
        for template in templates().values():
            if template.category == category:
                yield _template(template)


def _template(template: Template) -> str:
    tests = [each.test["name"] for each in template.fixtures]
    rows = "".join(map(_row, template.parameters))
    return (
        f"\n### {template.title}\n\n{template.about.strip()}\n\n"
        f"| Parameter | Type | Default | Meaning |\n| --- | --- | --- | --- |\n{rows}\n"
        f"Shown to do: {'; '.join(tests)}.\n"
    )


def _row(parameter: Parameter) -> str:
    default = "" if parameter.default is None else f"`{_shown(parameter.default)}`"
    meaning = ". ".join(part.rstrip(".") for part in (parameter.title, parameter.help) if part)
    return f"| `{parameter.name}` | {parameter.type} | {default} | {meaning}. |\n"


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _snippets() -> Iterator[str]:
    yield "\n## Snippets of VRL\n\n| Snippet | Category | What it does |\n| --- | --- | --- |\n"
    for each in snippets():
        yield f"| {each.title} | {each.category} | {each.summary} |\n"


def main() -> None:
    """Write the page, or compare it."""
    made = page()
    if "--check" in sys.argv:
        if not PAGE.exists() or PAGE.read_text() != made:
            sys.exit("docs/reference/templates.md")
        return
    PAGE.write_text(made)


if __name__ == "__main__":
    main()
