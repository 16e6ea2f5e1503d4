"""``SECRET[backend.key]`` placeholders: found in the text and replaced before it is parsed, as in Vector."""

import re
from pathlib import Path
from typing import Any

import msgspec

from vectorflow_engine.config.errors import ConfigError, convert

_PLACEHOLDER = re.compile(r"SECRET\[([\w\-]+)\.([\w.\-/]+)\]")


class DirectoryBackend(msgspec.Struct, tag="directory", tag_field="type", forbid_unknown_fields=True):
    """One file per key."""

    path: str
    remove_trailing_whitespace: bool = False

    def value(self, key: str) -> str:
        """The value of ``key``; raises OSError, ValueError."""
        root = Path(self.path).resolve()
        file = (root / key).resolve()
        if not file.is_relative_to(root):
            raise ValueError("the key leads out of the directory")
        text = file.read_text("utf-8")
        return text.rstrip() if self.remove_trailing_whitespace else text


class FileBackend(msgspec.Struct, tag="file", tag_field="type", forbid_unknown_fields=True):
    """A JSON object of text to text."""

    path: str

    def value(self, key: str) -> str:
        """The value of ``key``; raises OSError, ValueError."""
        table = msgspec.json.decode(Path(self.path).read_bytes(), type=dict[str, str])
        if key not in table:
            raise ValueError("the file holds no such key")
        return table[key]


def has_placeholder(text: str) -> bool:
    """Whether any secret is asked for."""
    return _PLACEHOLDER.search(text) is not None


def backends(tables: dict[str, Any]) -> dict[str, DirectoryBackend | FileBackend]:
    """The ``secret`` section as backends; raises `ConfigError`."""
    return {
        name: convert(table, DirectoryBackend | FileBackend, f"secret.{name}")  # type: ignore[arg-type]
        for name, table in tables.items()
    }


class Resolver:
    """Replaces placeholders; remembers the values so that messages can leave them out."""

    def __init__(self, found: dict[str, DirectoryBackend | FileBackend]) -> None:
        self._backends = found
        self.values: dict[tuple[str, str], str] = {}

    def resolve(self, text: str) -> str:
        """``text`` with every placeholder replaced; raises `ConfigError` without any value in it."""
        return _PLACEHOLDER.sub(lambda hit: self._value(hit[1], hit[2]), text)

    def _value(self, backend: str, key: str) -> str:
        if (backend, key) in self.values:
            return self.values[backend, key]
        if backend not in self._backends:
            raise ConfigError(f"secret backend `{backend}` is not defined")
        try:
            value = self._backends[backend].value(key)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it cannot be read"
            raise ConfigError(f"secret `{backend}.{key}`: {reason}") from None
        if not value:
            raise ConfigError(f"secret `{backend}.{key}` is empty")
        self.values[backend, key] = value
        return value

    def redact(self, text: str) -> str:
        """``text`` without any resolved value."""
        for value in sorted(self.values.values(), key=len, reverse=True):
            text = text.replace(value, "[REDACTED]")
        return text
