"""Putting variables in place and marking secrets, option by option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue.sensitive import secrecy_of
from vectorflow_topology.catalogue.types import ComponentSpec
from vectorflow_topology.document import Variable
from vectorflow_topology.findings import Finding, Path, error
from vectorflow_topology.text.core import LARGEST, SMALLEST
from vectorflow_topology.text.writer import DoubleQuoted

BACKEND = "vectorflow"
"""The secret backend that the agent defines on every node."""

VARIABLE = re.compile(r"(?<![A-Za-z0-9_])VAR\[([A-Za-z0-9_-]+)\]")
SECRET = re.compile(r"SECRET\[([A-Za-z0-9_-]+)\]")
# Vector puts secrets in place by text, wherever this form stands: it must come from nobody but us.
FOREIGN_SECRET = re.compile(r"SECRET\[[\w\-]+\.[\w.\-/]+\]")
FILE = re.compile(r"(?:\A|[^\w/])files/([0-9a-f]{64})\b")

_MAY_HOLD_SECRET = frozenset(("sensitive", "carrier"))


class Resolver:
    """Resolves the values of one document and keeps what it found: findings, secrets, files."""

    def __init__(self, variables: Mapping[str, Variable]) -> None:
        self.findings: list[Finding] = []
        self.secrets: set[str] = set()
        self.files: set[str] = set()
        self._variables = variables
        self._component: str | None = None
        self._spec: ComponentSpec | None = None
        self._options = False

    def options(
        self, component_id: str, spec: ComponentSpec | None, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return a component's options as they are written for the node."""
        self._component, self._spec, self._options = component_id, spec, True
        return {key: self._value(value, (self._checked(key, ()),)) for key, value in options.items()}

    def root(self, name: str, value: Any) -> Any:
        """Return a value of the configuration's root; secrets cannot stand there."""
        self._component, self._spec, self._options = None, None, False
        return self._value(value, (self._checked(name, ()),))

    def _value(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return self._text(value, path) if "[" in value or "/" in value else value
        if isinstance(value, Mapping):
            return {
                key: self._value(inner, (*path, self._checked(key, path))) for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(inner, (*path, index)) for index, inner in enumerate(value)]
        if isinstance(value, int) and not SMALLEST <= value <= LARGEST:
            self._report("option.number-too-large", f"{_named(path)} does not fit into 64 bits.", path)
        return value

    def _text(self, text: str, path: Path) -> Any:
        if "VAR[" in text:
            whole = VARIABLE.fullmatch(text)
            if whole:
                value = self._variable(whole.group(1), path)
                if not isinstance(value, str):
                    return value
                text = value
            else:
                text = VARIABLE.sub(lambda match: _inline(self._variable(match.group(1), path)), text)
        if "SECRET[" in text:
            return self._secret(text, path)
        if "files/" in text:
            self.files.update(FILE.findall(text))
        return text

    def _variable(self, name: str, path: Path) -> Any:
        variable = self._variables.get(name)
        if variable is None:
            message = (
                f"{_named(path)} uses the variable {name}, which is not defined. Define it or write a value."
            )
            self._report("variable.unknown", message, path, fix={"action": "define_variable", "name": name})
            return f"VAR[{name}]"
        return variable.value

    def _secret(self, text: str, path: Path) -> str:
        if FOREIGN_SECRET.search(text):
            message = (
                f"{_named(path)} names a secret backend. Refer to a secret by its name only: SECRET[name]."
            )
            self._report("secret.backend", message, path)
            return text
        names = SECRET.findall(text)
        if not names:
            return text
        if not self._options or secrecy_of(self._spec, path) not in _MAY_HOLD_SECRET:
            message = f"{_named(path)} is not an option that may hold a secret; SECRET[{names[0]}] cannot stand there."
            self._report("secret.misplaced", message, path)
            return text
        self.secrets.update(names)
        return DoubleQuoted(SECRET.sub(rf"SECRET[{BACKEND}.\1]", text))

    def _checked(self, key: Any, path: Path) -> str:
        if not isinstance(key, str):
            self._report("option.key", f"The key {key!r} below {_named(path)} is not text.", path)
            return str(key)
        if "SECRET[" in key and (SECRET.search(key) or FOREIGN_SECRET.search(key)):
            self._report(
                "secret.misplaced", f"A secret cannot stand in a key, as it does below {_named(path)}.", path
            )
        return key

    def _report(self, rule: str, message: str, path: Path, **more: Any) -> None:
        self.findings.append(error(rule, message, self._component, path, **more))


def _inline(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "The component"
