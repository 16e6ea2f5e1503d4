"""Configuration text to plain tables, as strictly as Vector reads it (YAML 1.2 core, TOML, JSON)."""

import math
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import yaml

from vectorflow_engine.config.errors import ConfigError

MAX_CONFIG_BYTES = 16 * 1024 * 1024
_MAX_INTEGER = 2**63 - 1


class _Loader(yaml.CSafeLoader):
    """YAML 1.2 core: `on` is text and `1:30` no number; duplicate keys, aliases' bombs and tags are refused."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 - the library's own way

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key_node.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                raise yaml.constructor.ConstructorError(None, None, "keys must be text", key_node.start_mark)
            if key in seen and key != "<<":
                problem = f"duplicate key {key!r}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


def _integer(loader: _Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text[2:] if base != 10 else text, base)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def read_text(path: Path) -> str:
    """The text of a configuration file; raises `ConfigError`."""
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: the file is larger than {MAX_CONFIG_BYTES} bytes")
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: the file is not UTF-8 text") from None


def parse(text: str, path: Path) -> dict[str, Any]:
    """The table in ``text``, its format by the file's extension; raises `ConfigError`.

    Errors name the place and never quote the text, which may hold resolved secrets.
    """
    suffix = path.suffix.lower()
    try:
        if suffix in (".yaml", ".yml"):
            data = yaml.load(text, Loader=_Loader)  # noqa: S506 - a safe loader, made stricter
        elif suffix == ".json":
            data = msgspec.json.decode(text)
        else:
            data = tomllib.loads(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {_yaml_problem(error)}") from None
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: the document must be a table of options")
    _check_values(data, str(path))
    return data


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = f" at line {mark.line + 1} column {mark.column + 1}" if mark else ""
        return f"{error.problem or error.context}{place}"
    return "the document is no valid YAML"


def _check_values(data: Any, where: str) -> None:
    stack = [data]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
        elif isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{where}: NaN and infinity are not accepted")
        elif isinstance(value, int) and abs(value) > _MAX_INTEGER:
            raise ConfigError(f"{where}: an integer does not fit into 64 bits")
