"""Ids and secret names that this product accepts, made from those it finds."""

from __future__ import annotations

import re
from collections.abc import Collection

from vectorflow_topology.document import DEFAULT_PORT, ID_PATTERN, RESERVED_PREFIX

_NOT_ID = re.compile(r"[^A-Za-z0-9_-]")


def accepted_id(found: str, taken: Collection[str]) -> str:
    """Return the id itself if it is acceptable and free, else one like it that is."""
    name = found
    if not ID_PATTERN.match(name) or name == DEFAULT_PORT or name.startswith(RESERVED_PREFIX):
        name = _NOT_ID.sub("_", found)[:120]
        if not name or not (name[0].isalpha() or name[0] == "_"):
            name = f"c_{name}"
        if name.startswith(RESERVED_PREFIX) or name == DEFAULT_PORT:
            name = f"my_{name}"
    return _free(name, taken)


def accepted_secret(backend: str, key: str, taken: Collection[str]) -> str:
    """Return a secret name for a key of a backend, free among those taken."""
    name = _NOT_ID.sub("-", key) or "secret"
    return name if name not in taken else _free(_NOT_ID.sub("-", f"{backend}-{key}"), taken)


def _free(name: str, taken: Collection[str]) -> str:
    free, number = name, 2
    while free in taken:
        free, number = f"{name[:120]}_{number}", number + 1
    return free
