"""From the bytes of a file to values, whichever of the three formats it is in."""

from __future__ import annotations

import datetime
import json
import math
import re
import tomllib
from typing import Any, Literal

from vectorflow_topology.findings import Finding, error
from vectorflow_topology.text.core import LARGEST, SMALLEST
from vectorflow_topology.text.reader import (
    MAX_DEPTH,
    MAX_VALUES,
    Positions,
    Read,
    Refused,
    place_of,
    read_yaml,
)
from vectorflow_topology.text.toml_lines import toml_lines

Format = Literal["auto", "yaml", "toml", "json"]

MAX_BYTES = 5_000_000
"""The largest text that is read, in bytes."""

_TOML_HEADER = re.compile(r"\[\[?[\w\s.\"'-]+\]\]?\s*(#.*)?\Z")
_TOML_KEY = re.compile(r"[\w.\"'-]+\s*=")
_CONSTANT = re.compile(r"-?(NaN|Infinity)\b|\d{19,}")
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_DOTTED = re.compile(r"[\w\"'-]++(?:\s*+\.\s*+[\w\"'-]++)*+")


def parse_text(text: str | bytes, format: Format = "auto") -> Read:
    """Read a text as values with positions. Raises `Refused` with findings, never anything else."""
    readable = decoded(text)
    chosen = _guess(readable) if format == "auto" else format
    if chosen == "toml":
        return _toml(readable)
    if chosen == "json" and format == "json":
        return _json(readable)
    return _json_or_yaml(readable) if chosen == "json" else read_yaml(readable)


def placed(read: Read, text: str) -> Read:
    """Return what was read with the places of TOML's values, which its parser does not tell."""
    if read.positions or not isinstance(read.value, dict):
        return read
    found = {each.path: (each.line, each.column) for each in toml_lines(text) if each.path is not None}
    return Read(read.value, found, read.keys)


def _json_or_yaml(text: str) -> Read:
    """Read what begins with a brace: JSON, or YAML written on few lines."""
    try:
        return _json(text)
    except Refused as refused:
        if refused.findings[0].rule != "import.syntax":
            raise
        try:
            return read_yaml(text)
        except Refused:
            raise refused from None


def decoded(text: str | bytes) -> str:
    """Return a text from its bytes, without a byte order mark. Raises `Refused`."""
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    if len(raw) > MAX_BYTES:
        message = (
            f"The text has {len(raw)} bytes; at most {MAX_BYTES} can be read. Split it into several files."
        )
        raise Refused([error("import.too-large", message)])
    try:
        return raw.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode(errors="replace")
        line, column = place_of(before, len(before))
        message = "The text is not valid UTF-8 here. Save it as UTF-8 and try again."
        raise Refused([error("import.encoding", message, line=line, column=column)]) from None


def _guess(text: str) -> Format:
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        if stripped.startswith("{"):
            return "json"
        is_toml = _TOML_HEADER.match(stripped) or (
            _TOML_KEY.match(stripped) and ":" not in stripped.split("=")[0]
        )
        return "toml" if is_toml else "yaml"
    return "yaml"


def _toml(text: str) -> Read:
    # The parser takes long dotted keys apart again and again, so they are refused before it.
    for dotted in _DOTTED.finditer(text):
        if dotted.group().count(".") > MAX_DEPTH:
            line, column = place_of(text, dotted.start())
            message = f"Values may nest at most {MAX_DEPTH} deep."
            raise Refused([error("import.too-deep", message, line=line, column=column)])
    try:
        value: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        place = _TOML_PLACE.search(str(problem))
        line, column = (int(place.group(1)), int(place.group(2))) if place else place_of(text, len(text))
        words = _TOML_PLACE.sub("", str(problem)).removesuffix(" (at end of document)").strip()
        raise Refused(
            [error("import.syntax", f"This is not TOML: {words}.", line=line, column=column)]
        ) from None
    except RecursionError:
        raise Refused([error("import.too-deep", f"Values may nest at most {MAX_DEPTH} deep.")]) from None
    except (ValueError, OverflowError) as problem:
        raise Refused([error("import.syntax", f"This is not TOML: {str(problem)[:200]}.")]) from None
    return Read(_limited(value), {})


def _json(text: str) -> Read:
    try:
        value: Any = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as problem:
        message = f"This is not JSON: {problem.msg[:1].lower()}{problem.msg[1:]}."
        raise Refused([error("import.syntax", message, line=problem.lineno, column=problem.colno)]) from None
    except _DuplicateKey as problem:
        message = f"The key {str(problem)[:60]} stands twice in one object."
        raise _placed(text, error("import.duplicate-key", message)) from None
    except RecursionError:
        raise _placed(text, error("import.too-deep", f"Values may nest at most {MAX_DEPTH} deep.")) from None
    except ValueError as problem:
        place = _CONSTANT.search(text)
        line, column = place_of(text, place.start()) if place else (None, None)
        raise Refused([error("import.number", str(problem)[:200], line=line, column=column)]) from None
    try:
        return Read(_limited(value), _json_positions(text))
    except Refused as refused:
        raise _placed(text, refused.findings[0]) from None


class _DuplicateKey(Exception):
    """A key stands twice in one object."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _DuplicateKey(key)
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number that JSON knows.")


def _placed(text: str, finding: Finding) -> Refused:
    """YAML's reader reads nearly all JSON and knows where things stand: let it find the same fault."""
    try:
        read_yaml(text)
    except Refused as refused:
        if refused.findings[0].rule == finding.rule:
            return refused
    return Refused([finding])


def _json_positions(text: str) -> Positions:
    try:
        return read_yaml(text).positions
    except Refused:
        return {}


def _limited(value: Any) -> Any:
    """Hold values from parsers without limits to ours; times become text, as in YAML."""
    if not isinstance(value, dict | list):
        return _plain(value)
    stack: list[tuple[Any, int]] = [(value, 0)]
    count = 0
    while stack:
        current, depth = stack.pop()
        count += 1
        if depth > MAX_DEPTH:
            raise Refused([error("import.too-deep", f"Values may nest at most {MAX_DEPTH} deep.")])
        if count > MAX_VALUES:
            raise Refused([error("import.too-large", f"The text stands for more than {MAX_VALUES} values.")])
        items = current.items() if isinstance(current, dict) else enumerate(current)
        for key, inner in list(items):
            if isinstance(inner, dict | list):
                stack.append((inner, depth + 1))
            else:
                count += 1
                current[key] = _plain(inner)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused([error("import.number", "NaN and infinity are not numbers that Vector reads.")])
    if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
        raise Refused([error("import.number", "A number does not fit into 64 bits.")])
    return value
