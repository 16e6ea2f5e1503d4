"""Files to one `EngineConfig`: secrets resolved, documents merged, components set apart."""

from collections.abc import Iterable, Sequence
from glob import glob
from pathlib import Path
from typing import Any

import msgspec

from vectorflow_engine.config import secrets
from vectorflow_engine.config.errors import ConfigError, convert
from vectorflow_engine.config.model import (
    KINDS,
    ApiTable,
    ComponentConfig,
    ComponentKind,
    EngineConfig,
    Globals,
    HealthchecksTable,
)
from vectorflow_engine.config.read import parse, read_text

_SECTIONS = {f"{kind}s": kind for kind in KINDS}
_OTHER_SECTIONS = ("secret", "api", "healthchecks", "schema", "tests")
_EXTENSIONS = (".yaml", ".yml", ".toml", ".json")
_COMMON: dict[ComponentKind, tuple[str, ...]] = {
    "source": ("graph", "proxy"),
    "transform": ("graph", "measure_cpu_usage"),
    "sink": ("graph", "proxy", "buffer", "healthcheck", "acknowledgements"),
}


def find(patterns: Sequence[str], directories: Sequence[str] = ()) -> list[Path]:
    """The configuration files meant by paths, globs and directories, sorted, each once."""
    found: set[Path] = set()
    for pattern in patterns:
        hits = glob(pattern) or ([pattern] if Path(pattern).exists() else [])
        if not hits:
            raise ConfigError(f"Config file not found in path. path={pattern!r}")
        found.update(Path(hit) for hit in hits)
    for name in directories:
        if not Path(name).is_dir():
            raise ConfigError(f"Config directory not found. path={name!r}")
        found.update(
            each for each in Path(name).iterdir() if each.is_file() and each.suffix.lower() in _EXTENSIONS
        )
    return sorted(found)


def load(paths: Iterable[Path], *, resolve_secrets: bool) -> EngineConfig:
    """Read, resolve, merge and shape; raises `ConfigError` with every complaint found."""
    texts = {path: read_text(path) for path in paths}
    resolver = secrets.Resolver({})
    if resolve_secrets and any(secrets.has_placeholder(text) for text in texts.values()):
        first = _merge({path: _secret_part(text, path) for path, text in texts.items()})
        resolver = secrets.Resolver(secrets.backends(first.get("secret", {})))
        texts = {path: resolver.resolve(text) for path, text in texts.items()}
    try:
        return _shape(_merge({path: parse(text, path) for path, text in texts.items()}), resolver)
    except ConfigError as error:
        raise ConfigError(*(resolver.redact(text) for text in error.messages)) from None


def tests_config(paths: Iterable[Path]) -> dict[str, Any]:
    """The transforms and tests of some files, secrets left as they stand; raises `ConfigError`."""
    documents = {path: parse(read_text(path), path) for path in paths}
    tests = []
    for path, document in documents.items():
        section = document.get("tests") or []
        if not isinstance(section, list):
            raise ConfigError(f"{path}: `tests` must be a list")
        tests += section
    return {**_merge(documents), "tests": tests}


def _secret_part(text: str, path: Path) -> dict[str, Any]:
    section = parse(text, path).get("secret")
    return {"secret": section} if section else {}


def _merge(documents: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    problems = []
    for path, document in documents.items():
        for key, value in document.items():
            if key in _SECTIONS or key == "secret":
                problems += _merge_section(merged.setdefault(key, {}), value, key, path)
            elif key == "tests":
                continue
            elif key in merged and merged[key] != value:
                problems.append(f"{path}: conflicting values for global option `{key}`")
            else:
                merged[key] = value
    if problems:
        raise ConfigError(*problems)
    return merged


def _merge_section(into: dict[str, Any], section: Any, key: str, path: Path) -> list[str]:
    if not isinstance(section, dict):
        return [f"{path}: `{key}` must be a table"]
    problems = [f"duplicate {key.removesuffix('s')} id found: {name}" for name in section if name in into]
    into.update(section)
    return problems


def _shape(document: dict[str, Any], resolver: secrets.Resolver) -> EngineConfig:
    known = {field.name for field in msgspec.structs.fields(Globals)}
    problems = [
        f"unknown or unsupported root option `{key}`"
        for key in document
        if key not in known and key not in _SECTIONS and key not in _OTHER_SECTIONS
    ]
    components: dict[str, ComponentConfig] = {}
    for section, kind in _SECTIONS.items():
        for name, table in document.get(section, {}).items():
            if name in components:
                other = components[name].kind
                problems.append(f"component id `{name}` is used by a {other} and a {kind}")
            problems += take_component(components, name, kind, table)
    if problems:
        raise ConfigError(*problems)
    convert(document.get("healthchecks", {}), HealthchecksTable, "healthchecks")
    secrets.backends(document.get("secret", {}))
    return EngineConfig(
        globals=convert({k: v for k, v in document.items() if k in known}, Globals, "global options"),
        api=convert(document.get("api", {}), ApiTable, "api"),
        components=components,
        secrets=tuple(resolver.values.values()),
    )


def take_component(into: dict[str, ComponentConfig], name: str, kind: ComponentKind, table: Any) -> list[str]:
    """Add the component that a table says, and return what is wrong with it."""
    if not isinstance(table, dict) or not isinstance(table.get("type"), str):
        return [f"{kind.capitalize()} `{name}`: option `type` is required"]
    if "." in name or not name:
        return [f"{kind.capitalize()} `{name}`: an id may not be empty or hold a dot"]
    options = dict(table)
    component_type, inputs = options.pop("type"), options.pop("inputs", None)
    common = {key: options.pop(key) for key in _COMMON[kind] if key in options}
    where = f"{kind.capitalize()} `{name}` (type `{component_type}`)"
    if kind == "source":
        if inputs is not None:
            return [f"{where}: option `inputs` is unknown: a source has none"]
    elif not isinstance(inputs, list) or not all(isinstance(each, str) for each in inputs):
        return [f"{where}: option `inputs` must be a list of component ids"]
    into[name] = ComponentConfig(name, kind, component_type, options, tuple(inputs or ()), common)
    return []
