"""The files somebody names: found, read with limits, and sorted into configurations."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from vectorflow_topology.findings import Finding, error
from vectorflow_topology.findings import Path as ValuePath
from vectorflow_topology.importer.files import MAX_FILES
from vectorflow_topology.text.parse import MAX_BYTES, Format, parse_text
from vectorflow_topology.text.reader import Positions, Refused

STDIN = "-"
STDIN_NAME = "stdin"
FORMATS: dict[str, Format] = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}

_SECTIONS = frozenset(("sources", "transforms", "sinks"))
_OF_FOLDERS = _SECTIONS | {"enrichment_tables"}


class UnreadableFile(Exception):
    """A named file cannot be read. The text says which and why."""


class File(NamedTuple):
    """A file as it was read.

    `name` is shown to people. `findings` say why it could not be understood; then `value` is None.
    `at` is the path in the whole configuration at which its contents stand: empty, but for the files
    in the subfolders of a configuration folder. `inner` is its path below that folder, with slashes.
    """

    name: str
    raw: bytes
    format: Format
    value: Any
    positions: Positions
    findings: tuple[Finding, ...]
    at: ValuePath = ()
    inner: str = ""

    @property
    def is_document(self) -> bool:
        """Whether it holds a pipeline document rather than Vector's own configuration."""
        value = self.value
        return (
            isinstance(value, dict)
            and ("components" in value or "edges" in value)
            and not _SECTIONS & set(value)
        )


class Configuration(NamedTuple):
    """Files that are judged as one: a document, files given together, or a folder."""

    files: tuple[File, ...]
    is_directory: bool = False

    @property
    def name(self) -> str:
        """What to call it: its only file, or the first and how many follow."""
        more = len(self.files) - 1
        return self.files[0].name + (f" and {more} more" if more else "")

    @property
    def is_document(self) -> bool:
        """Whether it is a pipeline document."""
        return self.files[0].is_document


def configurations(names: Iterable[str], *, apart: bool = False) -> list[Configuration]:
    """Read what was named and sort it.

    Each document is a configuration of its own, each folder of Vector's files another; Vector's files
    given by name belong together, as for Vector itself, unless they are to be taken `apart`. Raises
    `UnreadableFile`.
    """
    found: list[Configuration] = []
    together: list[File] = []
    for name in dict.fromkeys(names):
        if name != STDIN and Path(name).is_dir():
            found.extend(_folder(Path(name)))
            continue
        file = read_file(name)
        if apart or file.is_document:
            found.append(Configuration((file,)))
        else:
            together.append(file)
    return [*found, *([Configuration(tuple(together))] if together else [])]


def read_file(name: str) -> File:
    """Read one file, or standard input for `-`. Raises `UnreadableFile`."""
    if name == STDIN:
        return _parsed(STDIN_NAME, sys.stdin.buffer.read(MAX_BYTES + 1), "auto")
    path = Path(name)
    return _parsed(name, _bytes(path), FORMATS.get(path.suffix.lower(), "auto"))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            if stat.S_ISDIR(os.fstat(opened.fileno()).st_mode):
                raise UnreadableFile(f"{path} is a folder; name a file.")
            return opened.read(MAX_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise UnreadableFile(f"{path} cannot be read: {reason}.") from None


def _parsed(name: str, raw: bytes, format: Format, at: ValuePath = (), inner: str = "") -> File:
    if len(raw) > MAX_BYTES:
        message = f"The file is larger than {MAX_BYTES} bytes. Split it into several files."
        return File(
            name, b"", format, None, {}, (error("import.too-large", message, line=1, column=1),), at, inner
        )
    try:
        read = parse_text(raw, format)
    except Refused as refused:
        return File(name, raw, format, None, {}, refused.findings, at, inner)
    return File(name, raw, format, read.value, read.positions, (), at, inner)


def _folder(folder: Path) -> Iterator[Configuration]:
    files = [_inside(folder, path) for path in _listed(folder)]
    if not files:
        raise UnreadableFile(f"{folder} holds no YAML, TOML or JSON files.")
    yield from (Configuration((file,)) for file in files if file.is_document)
    rest = tuple(file for file in files if not file.is_document)
    if rest:
        yield Configuration(rest, is_directory=True)


def _inside(folder: Path, path: Path) -> File:
    steps = path.relative_to(folder).parts
    of_component = len(steps) > 1 and steps[0] in _OF_FOLDERS
    at: ValuePath = (steps[0], path.stem) if of_component else ()
    return _parsed(str(path), _bytes(path), FORMATS[path.suffix.lower()], at, "/".join(steps))


def _listed(folder: Path) -> list[Path]:
    """What Vector reads from a folder: hidden folders and other kinds of files are passed over."""
    found: list[Path] = []
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        paths = (Path(parent) / each for each in names if not each.startswith("."))
        found.extend(path for path in paths if path.suffix.lower() in FORMATS and path.is_file())
        if len(found) > MAX_FILES:
            raise UnreadableFile(f"{folder} holds more than {MAX_FILES} files; name fewer at once.")
    return sorted(found)
