"""What it takes to run a document's unit tests: its transforms and the tests, as Vector would read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vectorflow_topology.compiler.compile import render
from vectorflow_topology.compiler.types import Target
from vectorflow_topology.document import Document
from vectorflow_topology.surroundings import Surroundings


def unit_tests_config(document: Document, surroundings: Surroundings | None = None) -> dict[str, Any]:
    """Return the `transforms` and `tests` of a document, with variables in place, and its time zone.

    What is wrong elsewhere in the document is no matter: tests may be run while a pipeline is being made.
    """
    rendered, _ = render(document, Target(interpolation=False, tests=True), surroundings=surroundings)
    wanted = ("transforms", "tests", "timezone")
    return {key: _plain(rendered.config[key]) for key in wanted if key in rendered.config}


def _plain(value: Any) -> Any:
    """Without the writer's marks on lists and texts."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, str) else value
