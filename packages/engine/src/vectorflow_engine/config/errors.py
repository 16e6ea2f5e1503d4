"""The one way in which configuration is refused."""

import re
from typing import Any, TypeVar

import msgspec

_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_MISSING = re.compile(r"Object missing required field `(.*?)`(?: - at `\$\.?(.*)`)?$")
_OTHER = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)$", re.DOTALL)

T = TypeVar("T")


class ConfigError(Exception):
    """The configuration cannot be used; ``messages`` says why, one complaint each."""

    def __init__(self, *messages: str) -> None:
        self.messages = list(messages)
        super().__init__("\n".join(messages))


def convert(table: Any, to: type[T], where: str) -> T:
    """``table`` as the struct ``to``; raises `ConfigError` naming ``where`` and the option."""
    try:
        return msgspec.convert(table, to)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explain(str(error))}") from None


def _explain(text: str) -> str:
    if hit := _UNKNOWN.match(text):
        return f"option `{_path(hit[2], hit[1])}` is unknown or not supported by the embedded engine"
    if hit := _MISSING.match(text):
        return f"option `{_path(hit[2], hit[1])}` is required"
    if hit := _OTHER.match(text):
        return f"option `{hit[2]}`: {hit[1][:1].lower()}{hit[1][1:]}"
    return text


def _path(parent: str | None, name: str) -> str:
    return f"{parent}.{name}" if parent else name
