"""From the values of a configuration to the components and edges of one large document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue import Catalogue, ComponentSpec
from vectorflow_topology.compiler.compile import NODE_LOCAL, input_text
from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.credentials import literal_findings
from vectorflow_topology.document import DEFAULT_PORT, Component, Document, Edge, Kind, Remark, pointer
from vectorflow_topology.findings import Finding, Path, Severity, note
from vectorflow_topology.importer.environment import Environment
from vectorflow_topology.importer.inputs import Output, expand, is_pattern
from vectorflow_topology.importer.secrets import SecretNames
from vectorflow_topology.names import accepted_id
from vectorflow_topology.text.reader import Positions, Read

_APART = frozenset((*SECTIONS.values(), "tests", "enrichment_tables", *NODE_LOCAL, "provider"))


_SECTION_PATHS = frozenset((section,) for section in SECTIONS.values())
_SILENT = Remark()

MAX_COMMENT = 2_000
"""The longest comment of a component, in characters; longer ones are kept like those of options."""

MAX_WILDCARD_WORK = 500_000
"""How many names wildcards are compared with in all; each match counts as ten."""


class Builder:
    """Builds a document from what was read; everything worth knowing ends in `findings`."""

    def __init__(
        self,
        read: Read,
        catalogue: Catalogue,
        *,
        remarks: Mapping[Path, Remark] | None = None,
        origins: Mapping[Path, str] | None = None,
        environment: Environment | None = None,
    ) -> None:
        self.findings: list[Finding] = []
        self._config: dict[str, Any] = read.value
        self._positions: Positions = read.positions
        self._catalogue = catalogue
        self._remarks = dict(remarks or {})
        self._origins = origins or {}
        self._environment = environment
        self._secrets = SecretNames()
        self._ids: dict[str, str] = {}
        self._taken: set[str] = set()
        self._wildcard_work = 0
        self._found: list[tuple[Component, Path, list[Any]]] = []

    def document(self) -> Document:
        """Return the whole configuration as one document, without layout."""
        for kind, section in SECTIONS.items():
            for name, body in self._mapping(section).items():
                self._component(kind, name, body, (section, name))
        edges = tuple(self._edges())
        self._note_credentials()
        document = Document(
            components=tuple(component for component, _, _ in self._found),
            edges=edges,
            globals={key: self._ours(value) for key, value in self._config.items() if key not in _APART},
            enrichment_tables=self._ours(self._mapping("enrichment_tables")),
            tests=tuple(self._tests()),
            variables=self._environment.variables if self._environment else {},
            comments=self._kept_remarks(),
        )
        self._note_left_out()
        self.findings.extend(self._secrets.findings())
        self.findings.extend(self._environment.findings() if self._environment else ())
        return document

    def _ours(self, value: Any, component: str | None = None, spec: ComponentSpec | None = None) -> Any:
        """Secrets of other backends, and the environment where the text was written for it, become ours."""
        named = self._secrets.ours(value)
        return self._environment.taken(named, spec, (), component) if self._environment else named

    def _mapping(self, section: str) -> dict[str, Any]:
        value = self._config.get(section)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self._say(
                "error", "import.section", f"{section} must be a mapping of ids to settings.", (section,)
            )
            return {}
        return value

    def _component(self, kind: Kind, name: str, body: Any, at: Path) -> None:
        if not isinstance(body, dict):
            self._say(
                "error", "import.component", f"{name} must be a mapping of options; it was left out.", at
            )
            return
        type_name = body.get("type")
        if not isinstance(type_name, str) or not type_name:
            self._say("error", "import.type", f"{name} has no type, so it was left out. Add a type.", at)
            return
        if name in self._ids:
            self._say(
                "error", "import.duplicate-id", f"The id {name} is used twice; the second was left out.", at
            )
            return
        accepted = accepted_id(name, self._taken)
        self._taken.add(accepted)
        self._ids[name] = accepted
        if accepted != name:
            message = f"The id {name!r} is not accepted here; the component is now called {accepted}."
            self._say("warning", "import.renamed", message, at, accepted)
        plain = {key: value for key, value in body.items() if key not in ("type", "inputs")}
        options = self._ours(plain, accepted, self._catalogue.get(kind, type_name))
        if kind == "source" and "inputs" in body:
            self._say(
                "warning", "import.inputs", f"{accepted} is a source; its inputs were left out.", at, accepted
            )
        comment = self._comment(at)
        component = Component(id=accepted, kind=kind, type=type_name, options=options, comment=comment)
        if self._catalogue.spec(component) is None:
            message = f"The {kind} type {type_name} is not in the catalogue; it was kept as it is."
            self._say("note", "import.unknown-type", message, at, accepted)
        self._found.append((component, at, self._inputs(kind, body.get("inputs"), at, accepted)))

    def _comment(self, at: Path) -> str:
        """Take what stands right above a component as the component's own."""
        remark = self._remarks.get(at, _SILENT)
        if not remark.before or len(remark.before) > MAX_COMMENT:
            return ""
        self._remarks[at] = msgspec.structs.replace(remark, before="")
        return remark.before

    def _kept_remarks(self) -> dict[str, Remark]:
        """All other comments, at the ids that components have now."""
        kept = {}
        for path, remark in self._remarks.items():
            named = path
            if path[:1] in _SECTION_PATHS and len(path) > 1:
                named = (path[0], self._ids.get(str(path[1]), str(path[1])), *path[2:])
            if remark != _SILENT:
                kept[pointer(named)] = remark
        return kept

    def _inputs(self, kind: Kind, value: Any, at: Path, component_id: str) -> list[Any]:
        if kind == "source" or value is None:
            return []
        if isinstance(value, str):
            value = [value]
        if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return value
        self._say("error", "import.inputs", "inputs must be a list of names.", (*at, "inputs"), component_id)
        return []

    def _edges(self) -> Iterator[Edge]:
        originals = {accepted: name for name, accepted in self._ids.items()}
        outputs: list[tuple[str, Output]] = [
            (input_text(originals[component.id], output.name), (component.id, output.name))
            for component, _, _ in self._found
            for output in self._catalogue.ports(component)
        ]
        named = dict(outputs)
        for component, at, inputs in self._found:
            fed: dict[Output, None] = {}
            for index, text in enumerate(inputs):
                fed.update(
                    dict.fromkeys(self._input(text, named, outputs, (*at, "inputs", index), component.id))
                )
            for source, port in fed:
                yield Edge(source=source, port=port, target=component.id)

    def _input(
        self,
        text: str,
        named: dict[str, Output],
        outputs: list[tuple[str, Output]],
        at: Path,
        component_id: str,
    ) -> list[Output]:
        if text in named:
            return [named[text]]
        if is_pattern(text):
            self._wildcard_work += len(outputs)
            if self._wildcard_work > MAX_WILDCARD_WORK:
                message = (
                    f"There are too many wildcards here; the input {text} was left out. Name its outputs."
                )
                self._say("error", "import.too-large", message, at, component_id)
                return []
            found = [output for output in expand(text, outputs) if output[0] != component_id]
            self._wildcard_work += 10 * len(found)
            if not found:
                message = f"The input {text} matches no output, so it was left out."
                self._say("warning", "import.no-match", message, at, component_id)
            return found
        source, _, port = text.partition(".")
        return [(self._ids.get(source, source), port or DEFAULT_PORT)]

    def _tests(self) -> list[Any]:
        tests = self._config.get("tests")
        if tests is None:
            return []
        if isinstance(tests, list):
            taken: list[Any] = self._environment.taken(tests, None) if self._environment else tests
            return taken
        self._say("error", "import.section", "tests must be a list.", ("tests",))
        return []

    def _note_left_out(self) -> None:
        for key in self._config:
            if key in NODE_LOCAL:
                message = f"{key} belongs to the node and is written by the agent, so it was left out."
                self._say("note", "import.node-local", message, (key,))
            elif key == "provider":
                message = "provider fetches another configuration and has no place in a pipeline, so it was left out."
                self._say("warning", "import.provider", message, (key,))

    def _note_credentials(self) -> None:
        for component, at, _ in self._found:
            for finding in literal_findings(self._catalogue.spec(component), component.id, component.options):
                if self._environment is not None and finding.rule == "import.environment":
                    continue  # what is left of that form is meant as it stands
                line, column = self._place((*at, *finding.path))
                self.findings.append(_placed(finding, line, column))

    def _say(
        self, severity: Severity, rule: str, message: str, at: Path, component: str | None = None
    ) -> None:
        line, column = self._place(at)
        origin = self._origins.get(at[:2]) or self._origins.get(at[:1])
        if origin is not None:
            message = f"{origin}: {message}"
        finding = Finding(
            rule=rule,
            severity=severity,
            message=message,
            component=component,
            path=at if component is None else at[2:],
            line=line,
            column=column,
        )
        self.findings.append(finding)

    def _place(self, at: Path) -> tuple[int | None, int | None]:
        return next(
            (self._positions[at[:end]] for end in range(len(at), 0, -1) if at[:end] in self._positions),
            (None, None),
        )


def _placed(finding: Finding, line: int | None, column: int | None) -> Finding:
    return note(
        finding.rule,
        finding.message,
        finding.component,
        finding.path,
        line=line,
        column=column,
        fix=finding.fix,
    )
