"""The compiler itself: document and target in, configuration out."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from vectorflow_topology.catalogue import Catalogue, catalogue
from vectorflow_topology.compiler.references import Resolver
from vectorflow_topology.compiler.types import SECTIONS, Compiled, CompileFailed, Rendered, Target
from vectorflow_topology.compiler.wiring import Input, Wiring, id_findings
from vectorflow_topology.document import DEFAULT_PORT, Component, Document, Variable
from vectorflow_topology.findings import Finding, error, has_errors
from vectorflow_topology.surroundings import Surroundings
from vectorflow_topology.text.writer import Inline, write_yaml

NODE_LOCAL = frozenset(("api", "data_dir", "secret"))
"""Root settings that belong to a node; the agent writes them."""

_NOT_GLOBAL = frozenset((*SECTIONS.values(), "tests", "enrichment_tables", "provider"))
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_VARIABLE_TYPES: dict[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


def compile_document(
    document: Document, target: Target | None = None, surroundings: Surroundings | None = None
) -> Compiled:
    """Compile a document for a target. Same input, same bytes. Raises `CompileFailed` with findings.

    `surroundings` are what the environment lends; without them certificates and lookup files are not looked up.
    """
    target = target or Target()
    rendered, findings = render(document, target, surroundings=surroundings)
    if has_errors(findings):
        raise CompileFailed([finding for finding in findings if finding.severity == "error"])
    return write(rendered, target)


def write(rendered: Rendered, target: Target) -> Compiled:
    """Write what `render` made as the bytes for a node."""
    text = write_yaml(rendered.config)
    if target.interpolates:
        # Vector replaces by text before it parses, so every dollar is doubled wherever it stands.
        text = text.replace("$", "$$")
    raw = text.encode()
    return Compiled(
        yaml=raw,
        sha256=hashlib.sha256(raw).hexdigest(),
        component_ids=tuple(rendered.options),
        secrets=rendered.secrets,
        files=rendered.files,
        stores=rendered.stores,
    )


def render(
    document: Document,
    target: Target,
    known: Catalogue | None = None,
    surroundings: Surroundings | None = None,
) -> tuple[Rendered, list[Finding]]:
    """Work out the configuration as values. It may only be written when no finding is an error."""
    known = known or catalogue()
    resolver = Resolver(document.variables, surroundings)
    wiring = Wiring(document, known)
    findings = [*id_findings(document), *_global_findings(document), *_variable_findings(document.variables)]
    config: dict[str, Any] = {key: resolver.root(key, value) for key, value in document.globals.items()}
    if document.enrichment_tables:
        config["enrichment_tables"] = resolver.root("enrichment_tables", document.enrichment_tables)
    inputs: dict[str, tuple[Input, ...]] = {}
    options: dict[str, dict[str, Any]] = {}
    for component in document.components:
        if not component.enabled:
            continue
        findings.extend(_component_findings(component))
        options[component.id] = resolver.options(component.id, known.spec(component), component.options)
        if component.kind != "source":
            inputs[component.id] = wiring.inputs(component)
    config |= _sections(document, known, inputs, options)
    if target.tests and document.tests:
        config["tests"] = resolver.root("tests", list(document.tests))
    findings.extend(wiring.findings)
    findings.extend(resolver.findings)
    rendered = Rendered(
        config=config,
        inputs=inputs,
        options=options,
        secrets=tuple(sorted(resolver.secrets)),
        files=tuple(sorted(resolver.files)),
        stores=tuple(sorted(resolver.stores)),
    )
    return rendered, findings


def input_text(source: str, port: str) -> str:
    """Return an output as Vector names it in `inputs`."""
    return source if port == DEFAULT_PORT else f"{source}.{port}"


def _sections(
    document: Document,
    known: Catalogue,
    inputs: dict[str, tuple[Input, ...]],
    options: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    sections: dict[str, Any] = {}
    for kind, section in SECTIONS.items():
        written: dict[str, Any] = {}
        for component in document.components:
            if component.kind == kind and component.id in options:
                body: dict[str, Any] = {"type": component.type}
                if kind != "source":
                    body["inputs"] = Inline(input_text(*each) for each in inputs[component.id])
                written[component.id] = body | options[component.id]
        if written:
            sections[section] = written
    return sections


def _component_findings(component: Component) -> list[Finding]:
    findings = [
        error(
            "option.reserved",
            f"{name} is not an option; the editor sets it from the graph.",
            component.id,
            (name,),
        )
        for name in ("type", "inputs")
        if name in component.options
    ]
    if not _TYPE.match(component.type):
        message = f"{component.type[:80]!r} cannot be a type: types are of lower-case letters, digits and underscores."
        findings.append(error("component.type-invalid", message, component.id))
    return findings


def _global_findings(document: Document) -> list[Finding]:
    findings = []
    for name in document.globals:
        if name in NODE_LOCAL:
            message = f"{name} belongs to the node and is written by the agent. Remove it from the globals."
            findings.append(error("global.node-local", message, path=("globals", name)))
        elif name in _NOT_GLOBAL:
            message = f"{name} is not a global setting; it has a place of its own in the document."
            findings.append(error("global.misplaced", message, path=("globals", name)))
    return findings


def _variable_findings(variables: dict[str, Variable]) -> list[Finding]:
    findings = []
    for name, variable in variables.items():
        fits = isinstance(variable.value, _VARIABLE_TYPES[variable.type])
        if not fits or (variable.type == "number" and isinstance(variable.value, bool)):
            message = f"The variable {name} is declared as a {variable.type}, but its value is not one."
            findings.append(error("variable.type", message, path=("variables", name)))
    return findings
