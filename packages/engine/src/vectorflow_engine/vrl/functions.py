"""The reference of VRL's functions, of the newest Vector: for completion, hover, pages and checks.

The data lies in ``functions.json``; ``tools/update_functions.py`` writes it.
"""

import functools
import importlib.resources
import re
from collections.abc import Iterator

import msgspec

from vectorflow_engine.vrl import limits

# A name, perhaps an exclamation mark, a bracket; not a field (`.length (`) and not part of another word.
_CALL = re.compile(r"(?<![.%@\w])([a-z_][a-z0-9_]*)!?\(")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


class VrlArgument(msgspec.Struct, frozen=True):
    """What a function takes. ``default`` is VRL as text, None without one; ``choices`` are all it accepts."""

    name: str
    types: tuple[str, ...]
    required: bool = True
    default: str | None = None
    choices: tuple[str, ...] = ()


class VrlFunction(msgspec.Struct, frozen=True):
    """One function.

    A ``fallible`` call must be handled (``!``, ``??`` or an assigned error). ``touches`` says what it
    reaches outside the event: ``network``, ``env``, ``clock`` and so on. ``since`` is the first version
    of Vector with it, None for 0.34 or older and where it is not known. ``compiles_here`` tells whether
    the VRL that VectorFlow carries has it.
    """

    name: str
    category: str
    summary: str
    arguments: tuple[VrlArgument, ...]
    returns: tuple[str, ...]
    fallible: bool
    compiles_here: bool
    since: str | None = None
    touches: str | None = None
    closure: bool = False
    deprecated: bool = False

    @property
    def signature(self) -> str:
        """The function as one writes it, with types: ``round(value: integer|float, precision?: integer)``."""
        given = (
            f"{each.name}{'' if each.required else '?'}: {'|'.join(each.types)}" for each in self.arguments
        )
        closure = " -> |…| { … }" if self.closure else ""
        return f"{self.name}({', '.join(given)}){closure}"


class Call(msgspec.Struct, frozen=True):
    """A place in a program where a known function is called; line and column count from 1."""

    function: VrlFunction
    line: int
    column: int


@functools.cache
def functions() -> tuple[VrlFunction, ...]:
    """All functions, by name."""
    raw = importlib.resources.files("vectorflow_engine.vrl").joinpath("functions.json").read_bytes()
    return msgspec.json.decode(raw, type=tuple[VrlFunction, ...])


@functools.cache
def _by_name() -> dict[str, VrlFunction]:
    return {each.name: each for each in functions()}


def function(name: str) -> VrlFunction | None:
    """The function of that name, or None."""
    return _by_name().get(name)


def calls(program: str) -> Iterator[Call]:
    """Where a program calls known functions; text in strings and comments does not count."""
    code = limits.blank(program)
    for hit in _CALL.finditer(code):
        found = function(hit.group(1))
        if found is not None:
            line = code.count("\n", 0, hit.start()) + 1
            yield Call(found, line, hit.start() - code.rfind("\n", 0, hit.start()))


def exists_in(found: VrlFunction, vector_version: str) -> bool:
    """Whether a version of Vector, such as ``0.54.0``, has the function. Raises ValueError for no version."""
    return found.since is None or _key(found.since) <= _key(vector_version)


def _key(version: str) -> tuple[int, int]:
    match = _VERSION.match(version)
    if match is None:
        raise ValueError(f"not a version of Vector: {version!r}")
    return int(match[1]), int(match[2])
