"""The order of the checks, and where their findings stand in the text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from vectorflow_topology.catalogue import Catalogue, catalogue
from vectorflow_topology.checks.credentials import credential_findings
from vectorflow_topology.checks.flow import fate_findings, flow_findings
from vectorflow_topology.checks.graph import graph_findings
from vectorflow_topology.checks.meaning import meaning_findings, unit_test_findings
from vectorflow_topology.checks.options import component_findings, root_findings
from vectorflow_topology.checks.outputs import Outputs
from vectorflow_topology.checks.programs import program_findings, programs
from vectorflow_topology.checks.reliability import reliability_findings
from vectorflow_topology.checks.resources import clashes
from vectorflow_topology.compiler.compile import render, write
from vectorflow_topology.compiler.types import Compiled, Rendered, Target
from vectorflow_topology.document import Component, Document
from vectorflow_topology.findings import Finding, Path, has_errors, ordered
from vectorflow_topology.surroundings import Surroundings
from vectorflow_topology.vrl import VrlCompiler


def check(
    document: Document,
    *,
    target: Target | None = None,
    vrl: VrlCompiler | None = None,
    lines: Mapping[tuple[str, Path], tuple[int, int]] | None = None,
    known: Catalogue | None = None,
    surroundings: Surroundings | None = None,
) -> list[Finding]:
    """Return everything there is to say about a document, errors first.

    Findings carry line and column of the compiled YAML when the document compiles for the target;
    `lines`, by (component id, option path), takes their place when the text is another one. Without
    a VRL compiler a note says that programs were not compiled. Disabled components are not judged.
    `known` takes the place of the packaged catalogue. `surroundings` are what the environment lends.
    """
    target = target or Target()
    known = known or catalogue()
    rendered, findings = render(document, target, known, surroundings)
    compiled = None if has_errors(findings) else write(rendered, target)
    enabled = [
        component
        for component in document.components
        if component.id in rendered.options and component.enabled
    ]
    resolved = [msgspec.structs.replace(each, options=rendered.options[each.id]) for each in enabled]
    findings.extend(_findings(document, resolved, rendered, known, target))
    place = _Places(resolved, compiled, lines)
    located = [place.located(finding) for finding in findings]
    located.extend(program_findings(programs(resolved, known), vrl, compiled, target))
    return ordered(located)


def _findings(
    document: Document, resolved: list[Component], rendered: Rendered, known: Catalogue, target: Target
) -> Iterator[Finding]:
    for component in resolved:
        yield from component_findings(component, known, target)
        yield from credential_findings(component, known)
    yield from root_findings(rendered, known, target)
    yield from meaning_findings(resolved)
    yield from unit_test_findings(document)
    outputs = Outputs(resolved, known)
    yield from graph_findings(document, outputs, rendered.inputs)
    yield from flow_findings(outputs, rendered.inputs)
    yield from fate_findings(outputs, rendered.inputs)
    yield from clashes([("", component) for component in resolved])
    yield from reliability_findings(resolved, rendered, known, target)


class _Places:
    """Finds where the value that a finding is about stands in the text."""

    def __init__(
        self,
        components: list[Component],
        compiled: Compiled | None,
        lines: Mapping[tuple[str, Path], tuple[int, int]] | None,
    ) -> None:
        self._kinds = {component.id: component.kind for component in components}
        self._compiled = compiled
        self._lines = lines

    def located(self, finding: Finding) -> Finding:
        place = self._place(finding) if finding.line is None else None
        return finding if place is None else msgspec.structs.replace(finding, line=place[0], column=place[1])

    def _place(self, finding: Finding) -> tuple[int, int] | None:
        component, path = finding.component, finding.path
        if self._lines is not None:
            ends = range(len(path), -1, -1) if component else ()
            return next(
                (
                    self._lines[component or "", path[:end]]
                    for end in ends
                    if (component, path[:end]) in self._lines
                ),
                None,
            )
        if self._compiled is None:
            return None
        if component is not None and component in self._kinds:
            return self._compiled.place_of(self._kinds[component], component, path)
        whole = path[1:] if path[:1] == ("globals",) else path
        ends = range(len(whole), 0, -1)
        found = self._compiled.positions
        return next((found[whole[:end]] for end in ends if whole[:end] in found), None)
