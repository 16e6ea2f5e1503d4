"""Which options hold credentials, or may hold one among other text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from vectorflow_topology.catalogue.types import ComponentSpec, OptionSpec
from vectorflow_topology.findings import Path

Secrecy = Literal["sensitive", "carrier"] | None

_NAMES = re.compile(
    r"(pass(word|phrase|wd)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|license[_-]?key"
    r"|credentials?|authorization|cookie|connection_string)\Z|\b(authorization|x-api-key)\b",
    re.IGNORECASE,
)


def looks_sensitive(name: str) -> bool:
    """Guess from its name whether an option, header or parameter holds a credential."""
    return _NAMES.search(name) is not None


def secrecy_of(spec: ComponentSpec | None, path: Path) -> Secrecy:
    """Say how far the value at `path` is secret: a credential, a possible carrier of one, or neither.

    What the catalogue does not know is judged by its name.
    """
    if spec is None:
        return _guess(path)
    option: OptionSpec | None = None
    options: Mapping[str, OptionSpec] | None = spec.options
    secrecy: Secrecy = None
    for index, step in enumerate(path):
        option = _next(option, options, step)
        if option is None:
            return secrecy or _guess(path[index:])
        options = option.options
        secrecy = "sensitive" if option.sensitive else "carrier" if option.carries_secret else secrecy
    return secrecy


def option_at(spec: ComponentSpec | None, path: Path) -> OptionSpec | None:
    """Return what the catalogue says about the option at a path, None when it does not know it."""
    option: OptionSpec | None = None
    options = spec.options if spec is not None else None
    for step in path:
        option = _next(option, options, step)
        if option is None:
            return None
        options = option.options
    return option


def sensitive_paths(spec: ComponentSpec | None, options: Mapping[str, Any]) -> list[Path]:
    """Return the paths of the texts in `options` that are credentials."""
    return [path for path, _ in texts(options) if is_credential(spec, path)]


def is_credential(spec: ComponentSpec | None, path: Path) -> bool:
    """Say whether the text at `path` is a credential as a whole, such as a password or an authorization header."""
    secrecy = secrecy_of(spec, path)
    return secrecy == "sensitive" or (
        secrecy == "carrier" and isinstance(path[-1], str) and looks_sensitive(path[-1])
    )


def texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Walk all texts in nested options, with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from texts(inner, (*path, key))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))


def _next(
    option: OptionSpec | None, options: Mapping[str, OptionSpec] | None, step: str | int
) -> OptionSpec | None:
    if isinstance(step, int):
        return option.items if option else None
    found = (options or {}).get(step)
    if found is None and options:
        found = next((each for each in options.values() if step in each.aliases), None)
    if found is None and option is not None:
        return option.values
    return found


def _guess(path: Path) -> Secrecy:
    names = [step for step in path if isinstance(step, str)]
    return "sensitive" if names and looks_sensitive(names[-1]) else None
