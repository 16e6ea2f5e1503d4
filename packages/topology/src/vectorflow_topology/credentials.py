"""Credentials that stand in options as they are: pointed out, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.catalogue.sensitive import is_credential, looks_sensitive, secrecy_of, texts
from vectorflow_topology.catalogue.types import ComponentSpec
from vectorflow_topology.document import Document
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


def without_credentials(document: Document) -> tuple[Document, list[str]]:
    """Return a document in which no credential stands in plain text, and where they stood, `component.option`.

    References to secrets stay: a name is no secret. Values of variables that look like credentials are emptied.
    """
    known, removed = catalogue(), []
    components = []
    for component in document.components:
        spec = known.spec(component)
        options: Any = component.options
        for path, text in texts(component.options):
            if is_literal_credential(spec, path, text):
                options = _emptied(options, path)
                removed.append(".".join(map(str, (component.id, *path))))
        components.append(msgspec.structs.replace(component, options=options))
    variables = {}
    for name, variable in document.variables.items():
        hides = looks_sensitive(name) and isinstance(variable.value, str) and variable.value != ""
        variables[name] = msgspec.structs.replace(variable, value="") if hides else variable
        removed += [f"variables.{name}"] if hides else []
    return msgspec.structs.replace(document, components=tuple(components), variables=variables), removed


def _emptied(value: Any, path: Path) -> Any:
    if not path:
        return ""
    step, rest = path[0], path[1:]
    if isinstance(value, Mapping):
        return {key: _emptied(inner, rest) if key == step else inner for key, inner in value.items()}
    return [_emptied(inner, rest) if at == step else inner for at, inner in enumerate(value)]


def _last_name(path: Path) -> str:
    return next((str(step) for step in reversed(path) if isinstance(step, str)), "secret")
