"""Putting variables in place and marking secrets, option by option."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue.sensitive import secrecy_of
from vectorflow_topology.catalogue.types import ComponentSpec
from vectorflow_topology.document import Variable
from vectorflow_topology.findings import Finding, Path, error, note
from vectorflow_topology.surroundings import HELD, SECRET, VARIABLE, Surroundings
from vectorflow_topology.text.core import LARGEST, SMALLEST
from vectorflow_topology.text.writer import DoubleQuoted

BACKEND = "vectorflow"
"""The secret backend that the agent defines on every node."""

# Vector puts secrets in place by text, wherever this form stands: it must come from nobody but us.
FOREIGN_SECRET = re.compile(r"SECRET\[[\w\-]+\.[\w.\-/]+\]")
FILE = re.compile(r"(?:\A|[^\w/])files/([0-9a-f]{64})\b")

_MAY_HOLD_SECRET = frozenset(("sensitive", "carrier"))


class Resolver:
    """Resolves the values of one document and keeps what it found: findings, secrets, files.

    Without surroundings, certificates and lookup files are noted as not looked up, and a digest of
    zeros takes their place.
    """

    def __init__(self, variables: Mapping[str, Variable], surroundings: Surroundings | None) -> None:
        self.findings: list[Finding] = []
        self.secrets: set[str] = set()
        self.files: set[str] = set()
        self.stores: set[str] = set()
        self._variables = variables
        self._around = surroundings or Surroundings()
        self._looked_up = surroundings is not None
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
                    return list(value) if isinstance(value, list) else value
                text = value
            else:
                text = VARIABLE.sub(
                    lambda match: self._inline(match.group(1), self._variable(match.group(1), path), path),
                    text,
                )
        held = HELD.fullmatch(text)
        if held:
            return self._held(held.group(1), held.group(2), path)
        if "SECRET[" in text:
            return self._secret(text, path)
        if "files/" in text:
            self.files.update(FILE.findall(text))
        return text

    def _variable(self, name: str, path: Path) -> Any:
        lent = self._around.variables.get(name)
        if lent is not None:
            return f"SECRET[var:{name}]" if lent.sensitive else lent.value
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
        if any(name.startswith("key:") for name in names):
            message = f"{_named(path)} names a private key inside of other text. Write KEY[name] alone."
            self._report("certificate.key-misplaced", message, path)
            return text
        return DoubleQuoted(SECRET.sub(lambda match: self._placed(match.group(1)), text))

    def _placed(self, name: str) -> str:
        """Return the form that the engine replaces, and note what it needs for that."""
        outside = self._around.outside.get(name)
        if outside is not None:
            self.stores.add(outside.backend)
            return f"SECRET[{outside.backend}.{outside.key}]"
        wire = name.replace(":", ".")
        self.secrets.add(wire)
        return f"SECRET[{BACKEND}.{wire}]"

    def _held(self, word: str, name: str, path: Path) -> str:
        if word == "FILE":
            sha256 = self._around.files.get(name)
            return self._file("file", "lookup file", name, sha256, path)
        certificate = self._around.certificates.get(name)
        if word == "CERT":
            return self._file(
                "certificate", "certificate", name, certificate.sha256 if certificate else None, path
            )
        return self._private_key(name, path)

    def _file(self, kind: str, words: str, name: str, sha256: str | None, path: Path) -> str:
        if sha256 is None:
            self._unknown(kind, words, name, path)
            return f"files/{'0' * 64}"
        self.files.add(sha256)
        return f"files/{sha256}"

    def _private_key(self, name: str, path: Path) -> str:
        certificate = self._around.certificates.get(name)
        last = next((step for step in reversed(path) if isinstance(step, str)), "")
        if not self._options or "key" not in last:
            message = f"{_named(path)} does not take a private key; KEY[{name}] cannot stand there."
            self._report("certificate.key-misplaced", message, path)
        elif certificate is None:
            self._unknown("certificate", "certificate", name, path)
        elif not certificate.has_key:
            message = (
                f"The certificate {name} was kept without a private key. Upload it together with its key."
            )
            self._report("certificate.no-key", message, path)
        version = certificate.version if certificate else 0
        wire = f"key.{name}.{version}"
        if certificate is not None:
            self.secrets.add(wire)
        # The agent writes the key to a file in memory, and its path takes the place of this.
        return DoubleQuoted(f"SECRET[{BACKEND}.{wire}]")

    def _unknown(self, kind: str, words: str, name: str, path: Path) -> None:
        if self._looked_up:
            message = (
                f"{_named(path)} uses the {words} {name}, which this environment does not have. Upload it."
            )
            self._report(f"{kind}.unknown", message, path, fix={"action": f"create_{kind}", "name": name})
        else:
            message = (
                f"{_named(path)} uses the {words} {name}; only the server knows it, so it was not looked up."
            )
            self.findings.append(note(f"{kind}.not-looked-up", message, self._component, path))

    def _inline(self, name: str, value: Any, path: Path) -> str:
        if isinstance(value, list):
            message = (
                f"The variable {name} is a list, which cannot stand inside of text, as in {_named(path)}."
            )
            self._report("variable.list-inline", message, path)
            return ""
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()

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


def _named(path: Path) -> str:
    return ".".join(map(str, path)) or "The component"
