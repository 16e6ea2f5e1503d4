"""Reading the template files of this package, once."""

from __future__ import annotations

import functools
from importlib import resources

import msgspec
import yaml

from vectorflow_topology.templates.types import Template

_FOLDERS = {"patterns": "pattern", "protection": "protection"}


@functools.cache
def templates() -> dict[str, Template]:
    """Return the built-in templates by id: patterns first, each folder by file name.

    Raises ValueError for a file that is not as `Template` says, which only a broken package has.
    """
    found: dict[str, Template] = {}
    root = resources.files(__package__)
    for folder, category in _FOLDERS.items():
        for entry in sorted(root.joinpath(folder).iterdir(), key=lambda each: each.name):
            if not entry.name.endswith(".yaml"):
                continue
            template = read_template(entry.read_bytes())
            if template.id != entry.name.removesuffix(".yaml") or template.category != category:
                raise ValueError(f"{folder}/{entry.name} holds the {template.category} {template.id}")
            found[template.id] = template
    return found


def read_template(raw: bytes) -> Template:
    """Read one file. Raises ValueError when it is not as `Template` says."""
    try:
        return msgspec.convert(yaml.load(raw, Loader=yaml.CSafeLoader), Template)
    except (yaml.YAMLError, msgspec.ValidationError) as problem:
        raise ValueError(f"this is no template: {problem}") from None
