"""References to secrets of other backends, made references to ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from vectorflow_topology.compiler.references import BACKEND
from vectorflow_topology.credentials import REFERENCE
from vectorflow_topology.findings import Finding, note
from vectorflow_topology.names import accepted_secret


class SecretNames:
    """Gives each secret of a configuration a name in our own backend."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}

    def ours(self, value: Any) -> Any:
        """Return a value with every `SECRET[backend.key]` written as `SECRET[name]`."""
        if isinstance(value, str):
            return REFERENCE.sub(self._one, value) if "SECRET[" in value else value
        if isinstance(value, Mapping):
            return {key: self.ours(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.ours(inner) for inner in value]
        return value

    def findings(self) -> Iterator[Finding]:
        """Name the secrets that have to be entered here, because they come from another backend."""
        for (backend, key), name in self._names.items():
            if backend != BACKEND:
                message = (
                    f"The secret {key} came from the backend {backend}. Enter its value as the secret {name}."
                )
                yield note("import.secret", message, fix={"action": "create_secret", "name": name})

    def _one(self, match: re.Match[str]) -> str:
        reference = (match.group(1), match.group(2))
        if reference not in self._names:
            self._names[reference] = accepted_secret(*reference, self._names.values())
        return f"SECRET[{self._names[reference]}]"
