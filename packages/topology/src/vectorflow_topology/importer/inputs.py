"""Vector's `inputs`: patterns over the names of outputs."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

_SPECIAL = re.compile(r"[*?\[]")

Output = tuple[str, str]


def is_pattern(text: str) -> bool:
    """Say whether an input has wildcards."""
    return _SPECIAL.search(text) is not None


def expand(text: str, outputs: Iterable[tuple[str, Output]]) -> list[Output]:
    """Return the outputs whose name a pattern matches, in their order; `*` matches dots as well."""
    # The standard library's translation cannot be made to backtrack without end.
    compiled = re.compile(fnmatch.translate(text))
    return [output for name, output in outputs if compiled.match(name)]
