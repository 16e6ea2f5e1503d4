"""Values as VRL literals, so that no value can become a part of a program."""

from __future__ import annotations

import math


def vrl_literal(value: object) -> str:
    """Return a text, number, boolean or list of such as VRL. Raises ValueError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:f}"
    if isinstance(value, str) and "\0" not in value:
        # A brace is escaped because VRL puts variables into text with two of them.
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("{", "\\{")
        return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(vrl_literal, value)) + "]"
    raise ValueError(f"a {type(value).__name__} is no value that a program takes")
