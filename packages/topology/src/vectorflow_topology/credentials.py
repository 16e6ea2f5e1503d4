"""Credentials that stand in options as they are: pointed out, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from vectorflow_topology.catalogue.sensitive import is_credential, secrecy_of, texts
from vectorflow_topology.catalogue.types import ComponentSpec
from vectorflow_topology.findings import Finding, Path, note
from vectorflow_topology.names import accepted_secret
from vectorflow_topology.surroundings import SECRET, VARIABLE

REFERENCE = re.compile(r"SECRET\[([\w\-]+)\.([\w.\-/]+)\]")
_URL_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:([^/@\s]+)@", re.IGNORECASE)
_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_.]*)(?::?[-?][^}]*)?\}")


def literal_findings(
    spec: ComponentSpec | None, component_id: str, options: Mapping[str, Any]
) -> Iterator[Finding]:
    """Point out credentials that stand in the text, and references to the environment."""
    for path, text in texts(options):
        if not text or not path:
            continue
        if is_literal_credential(spec, path, text):
            name = accepted_secret("", f"{component_id}-{_last_name(path)}", ())
            message = (
                f"{'.'.join(map(str, path))} holds a credential in plain text. Store it as a secret and write "
                f"SECRET[{name}] instead."
            )
            fix = {"action": "make_secret", "component": component_id, "path": list(path), "name": name}
            yield note("secret.literal", message, component_id, path, fix=fix)
        for name in dict.fromkeys(_ENVIRONMENT.findall(text)):
            message = f"{'.'.join(map(str, path))} refers to the environment variable {name}. Make it a variable or a secret."
            fix = {"action": "make_variable", "component": component_id, "path": list(path), "name": name}
            yield note("import.environment", message, component_id, path, fix=fix)


def is_literal_credential(spec: ComponentSpec | None, path: Path, text: str) -> bool:
    """Say whether the text at a path is, or contains, a credential that is not a reference."""
    if (
        SECRET.search(text)
        or REFERENCE.search(text)
        or VARIABLE.fullmatch(text)
        or _ENVIRONMENT.fullmatch(text)
    ):
        return False
    if is_credential(spec, path):
        return True
    return secrecy_of(spec, path) == "carrier" and _URL_PASSWORD.search(text) is not None


def _last_name(path: Path) -> str:
    return next((str(step) for step in reversed(path) if isinstance(step, str)), "secret")
