"""What a Vector was told to read: from its command line and environment to files, and what stands in them."""

import glob
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from vectorflow_agent.adopt.types import ConfigFile
from vectorflow_agent.shell.disk import sha256_hex

DEFAULT_CONFIG: Final = "/etc/vector/vector.yaml"
DEFAULT_DATA_DIR: Final = "/var/lib/vector/"
_MOST_FILES: Final = 500
_MOST_BYTES: Final = 5 * 1024 * 1024
_FORMATS: Final = frozenset({".yaml", ".yml", ".toml", ".json"})
_SECTIONS: Final = ("sources", "transforms", "sinks", "enrichment_tables")
_FLAGS: Final = {
    "-c": "files",
    "--config": "files",
    "--config-yaml": "files",
    "--config-toml": "files",
    "--config-json": "files",
    "-C": "directories",
    "--config-dir": "directories",
}
_VARIABLES: Final = {
    "VECTOR_CONFIG": "files",
    "VECTOR_CONFIG_YAML": "files",
    "VECTOR_CONFIG_TOML": "files",
    "VECTOR_CONFIG_JSON": "files",
    "VECTOR_CONFIG_DIR": "directories",
}
_REFERENCE: Final = re.compile(r"\$\{([A-Za-z0-9_.]+)(?::?-([^}]*))?\}|\$([A-Za-z0-9_.]+)")


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Where a Vector's configuration is: patterns of files, and directories."""

    files: tuple[str, ...]
    directories: tuple[str, ...]


class Read(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: files in order, their texts by path, and all of it put together as far as it can be read."""

    files: tuple[ConfigFile, ...]
    texts: dict[str, str]
    config: dict[str, Any]


def told(arguments: Sequence[str], environment: Mapping[str, str]) -> Told:
    """What flags and variables name, as Vector understands them: flags outrank variables, else the default."""
    named: dict[str, list[str]] = {"files": [], "directories": []}
    words = iter(arguments)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in _FLAGS:
            named[_FLAGS[flag]] += (value if equals else next(words, "")).split(",")
        elif word[:2] in {"-c", "-C"} and len(word) > 2:
            named[_FLAGS[word[:2]]] += word[2:].split(",")
    for kind, found in list(named.items()):
        if not found:
            variables = (name for name, of in _VARIABLES.items() if of == kind and environment.get(name))
            named[kind] = [each for name in variables for each in environment[name].split(",")]
    files = tuple(each for each in named["files"] if each)
    directories = tuple(each for each in named["directories"] if each)
    return Told(files=files if files or directories else (DEFAULT_CONFIG,), directories=directories)


def read(given: Told, *, folder: Path, root: Path, environment: Mapping[str, str]) -> Read:
    """Read what is named; relative paths are the process's. Nothing raises: problems stand with the file."""
    paths = [path for pattern in given.files for path in _expanded(pattern, folder, root)]
    paths += [path for each in given.directories for path in _of_directory(_place(each, folder, root))]
    files: list[ConfigFile] = []
    texts: dict[str, str] = {}
    config: dict[str, Any] = {}
    for path in list(dict.fromkeys(paths))[:_MOST_FILES]:
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError("it is longer than 5 MiB")
            data = path.read_bytes()
            texts[str(path)] = data.decode("utf-8")
            content = parsed(path, _filled(texts[str(path)], environment))
        except OSError as error:
            files.append(ConfigFile(path=str(path), problem=error.strerror or "cannot be read"))
            continue
        except ValueError as error:
            files.append(ConfigFile(path=str(path), problem=_line(error)))
            continue
        files.append(ConfigFile(path=str(path), sha256=sha256_hex(data), bytes=len(data)))
        _merge(config, _named(path, content, given, folder, root))
    return Read(files=tuple(files), texts=texts, config=config)


def _expanded(pattern: str, folder: Path, root: Path) -> list[Path]:
    place = _place(pattern, folder, root)
    if glob.has_magic(pattern):
        return [Path(each) for each in sorted(glob.glob(str(place)))]
    return [place]


def _of_directory(directory: Path) -> list[Path]:
    found = sorted(path for path in directory.rglob("*") if path.suffix in _FORMATS and path.is_file())
    visible = [p for p in found if not any(part.startswith(".") for part in p.relative_to(directory).parts)]
    return visible or [directory]


def _place(name: str, folder: Path, root: Path) -> Path:
    path = folder / name
    return path if root == Path("/") or path.is_relative_to(root) else root / str(path).lstrip("/")


def _filled(text: str, environment: Mapping[str, str]) -> str:
    """With variables put in, to find out where data and ports are. What is unknown stays."""
    return _REFERENCE.sub(
        lambda match: environment.get(match[1] or match[3], match[2] if match[2] is not None else match[0]),
        text,
    )


def parsed(path: Path, text: str) -> dict[str, Any]:
    """A file's content by its extension. Raises ValueError without quoting it."""
    try:
        if path.suffix == ".json":
            value = json.loads(text)
        elif path.suffix in {".yaml", ".yml"}:
            value = yaml.load(text, Loader=yaml.CSafeLoader)
        else:
            value = tomllib.loads(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise ValueError(f"not valid YAML{f' at line {mark.line + 1}' if mark else ''}") from None
    except (ValueError, RecursionError) as error:
        # The libraries' messages end with the place; before it they may quote.
        place = re.search(r"line \d+", str(error))
        raise ValueError(f"cannot be parsed{f' at {place[0]}' if place else ''}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("it holds no mapping")
    return value


def _named(path: Path, parsed: dict[str, Any], given: Told, folder: Path, root: Path) -> dict[str, Any]:
    """A file of a directory's folder is one component, called like the file."""
    for directory in (_place(each, folder, root) for each in given.directories):
        if path.is_relative_to(directory) and path.parent != directory:
            section = path.relative_to(directory).parts[0]
            return {section: {path.stem: parsed}} if section in _SECTIONS else {}
    return parsed


def _merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def components(config: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Section → id → type."""
    found: dict[str, dict[str, str]] = {}
    for section in _SECTIONS:
        content = config.get(section)
        if isinstance(content, Mapping):
            found[section] = {
                str(name): str(options.get("type", "")) if isinstance(options, Mapping) else ""
                for name, options in content.items()
            }
    return found


def addresses(config: Mapping[str, Any]) -> dict[str, str]:
    """Where its API and its exporters of metrics listen."""
    found = {}
    api = config.get("api")
    if isinstance(api, Mapping) and api.get("enabled"):
        found["api"] = str(api.get("address", "127.0.0.1:8686"))
    sinks = config.get("sinks")
    for name, options in sinks.items() if isinstance(sinks, Mapping) else ():
        if isinstance(options, Mapping) and options.get("type") == "prometheus_exporter":
            found[str(name)] = str(options.get("address", "0.0.0.0:9598"))
    return found


def _line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
