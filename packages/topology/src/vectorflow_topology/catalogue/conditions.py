"""The small language of `relevant_when`: comparisons of sibling options, joined by `or`."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from vectorflow_topology.catalogue.types import OptionSpec

_COMPARISON = re.compile(r'\s*([\w.]+)\s*=\s*"([^"]*)"\s*\Z')


@functools.cache
def comparisons(condition: str) -> tuple[tuple[str, str], ...]:
    """Split a condition into (option, value) pairs of which one must hold. Raises ValueError if it cannot."""
    found = []
    for part in condition.split(" or "):
        match = _COMPARISON.match(part)
        if match is None:
            raise ValueError(f"not a condition of the catalogue: {condition}")
        found.append((match.group(1), match.group(2)))
    return tuple(found)


def holds(condition: str | None, options: Mapping[str, Any], specs: Mapping[str, OptionSpec]) -> bool | None:
    """Say whether a condition holds for the siblings given, None when that cannot be told.

    An option left out counts with its default.
    """
    if condition is None:
        return True
    unsure = False
    for name, wanted in comparisons(condition):
        if name in options:
            actual = options[name]
        elif name in specs:
            actual = specs[name].default
        else:
            unsure = True
            continue
        if actual == wanted:
            return True
    return None if unsure else False
