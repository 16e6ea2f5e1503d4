"""Reading systemd's unit files as far as it matters who starts Vector, with what and as whom.

This reads the files itself, so that it works in images and containers where no systemd runs.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

FOLDERS: Final = (
    "etc/systemd/system",
    "run/systemd/system",
    "usr/local/lib/systemd/system",
    "usr/lib/systemd/system",
    "lib/systemd/system",
)
_PREFIXES: Final = "@-:+!|"
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([A-Za-z_][A-Za-z0-9_]*)")
_MOST_BYTES: Final = 1024 * 1024


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """A service unit with its drop-ins put together. `settings`: section → key → values in order."""

    name: str
    files: tuple[Path, ...]
    settings: dict[str, dict[str, tuple[str, ...]]]

    def last(self, key: str, section: str = "Service") -> str:
        """The value that counts of a key that has one."""
        values = self.settings.get(section, {}).get(key, ())
        return values[-1] if values else ""

    def all(self, key: str, section: str = "Service") -> tuple[str, ...]:
        """All values of a key that may stand more than once."""
        return self.settings.get(section, {}).get(key, ())


def units(root: Path, program: str = "vector") -> Iterator[Unit]:
    """Every service whose command runs a program of this name. The first folder that has a name counts."""
    seen: set[str] = set()
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("*.service")):
            if path.name in seen:
                continue
            seen.add(path.name)
            unit = unit_read(root, path)
            if unit is not None and Path(next(iter(command(unit, {})), "")).name == program:
                yield unit


def unit_read(root: Path, path: Path) -> Unit | None:
    """A unit file with its drop-ins; None when it is masked, empty or cannot be read."""
    try:
        if path.resolve() == Path("/dev/null") or path.stat().st_size > _MOST_BYTES:
            return None
        files = [path, *_drop_ins(root, path.name)]
        settings: dict[str, dict[str, tuple[str, ...]]] = {}
        for file in files:
            _take(settings, file.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return Unit(name=path.name, files=tuple(files), settings=settings)


def _drop_ins(root: Path, name: str) -> list[Path]:
    found: dict[str, Path] = {}
    for folder in reversed(FOLDERS):
        for path in (root / folder / f"{name}.d").glob("*.conf"):
            found[path.name] = path
    return [found[each] for each in sorted(found)]


def _take(settings: dict[str, dict[str, tuple[str, ...]]], text: str) -> None:
    section = ""
    for line in (each.strip() for each in re.sub(r"\\\n", " ", text).splitlines()):
        if not line or line[0] in "#;":
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        key, equals, value = line.partition("=")
        if not equals:
            continue
        known = settings.setdefault(section, {})
        # An empty value takes back everything before it.
        known[key.strip()] = (*known.get(key.strip(), ()), value.strip()) if value.strip() else ()


def environment(unit: Unit, root: Path) -> tuple[dict[str, str], list[str], list[str]]:
    """The unit's variables, its environment files, and which of them are needed and missing."""
    found: dict[str, str] = {}
    files, missing = [], []
    for value in unit.all("Environment"):
        found |= dict(_pairs(value))
    for value in unit.all("EnvironmentFile"):
        optional, name = value.startswith("-"), value.lstrip("-")
        paths = sorted(_inside(root, name).parent.glob(_inside(root, name).name))
        if not paths and not optional:
            missing.append(name)
        for path in paths:
            try:
                found |= _file_pairs(path.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                missing.append(str(path))
                continue
            files.append(str(path))
    return found, files, missing


def command(unit: Unit, variables: dict[str, str]) -> list[str]:
    """The words of ExecStart, with variables put in: `${X}` within a word, `$X` as words of their own."""
    text = unit.last("ExecStart").lstrip(_PREFIXES)
    words: list[str] = []
    for word in _words(text):
        alone = re.fullmatch(r"\$([A-Za-z_][A-Za-z0-9_]*)", word)
        if alone:
            words += _words(variables.get(alone[1], ""))
        else:
            words.append(_REFERENCE.sub(lambda match: variables.get(match[1] or match[2], ""), word))
    return words


def _pairs(value: str) -> Iterator[tuple[str, str]]:
    for word in _words(value):
        name, equals, content = word.partition("=")
        if equals:
            yield name, content


def _file_pairs(text: str) -> dict[str, str]:
    found = {}
    for line in re.sub(r"\\\n", " ", text).splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith(("#", ";")):
            value = value.strip()
            quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
            found[name.strip()] = value[1:-1] if quoted else value
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _inside(root: Path, name: str) -> Path:
    path = Path(name)
    return path if root == Path("/") or path.is_relative_to(root) else root / name.lstrip("/")
