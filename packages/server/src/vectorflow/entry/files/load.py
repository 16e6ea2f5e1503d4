"""From files to one document, with every finding in the file that it is about."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from vectorflow.entry.files.given import Configuration, File
from vectorflow.entry.files.places import Place, Places
from vectorflow_topology.compiler.types import SECTIONS
from vectorflow_topology.document import Document, DocumentInvalid, Position, document_from_json
from vectorflow_topology.findings import Finding, Path, error, has_errors
from vectorflow_topology.importer import Imported, Named, auto_layout, import_files, import_text
from vectorflow_topology.importer.layout import ROW
from vectorflow_topology.manifest import document_from_yaml
from vectorflow_topology.names import accepted_id

# How the importer begins when files disagree about a component: `sinks.out stands in …`.
_TWICE = re.compile(r"(\w+)\.(\S+) (?:stands|is) ")


class Located(NamedTuple):
    """A finding and the file that its line and column count in."""

    file: str
    finding: Finding


class Loaded(NamedTuple):
    """What files say: the parts as documents (none when they cannot be read), and what to say about it.

    `name` is what to call the configuration; `places` finds values again.
    """

    name: str
    parts: list[Named]
    findings: list[Located]
    places: "Finder"
    is_document: bool = False

    @property
    def document(self) -> Document:
        """All parts as one document, one below the other."""
        return whole([part.document for part in self.parts])

    @property
    def is_readable(self) -> bool:
        """Whether nothing was lost in reading."""
        return bool(self.parts) and not has_errors(each.finding for each in self.findings)


def load(configuration: Configuration) -> Loaded:
    """Read a configuration: a document, or Vector's own form."""
    if configuration.is_document:
        return _document(configuration)
    files = configuration.files
    # Names of our own, so that no odd path changes how the importer reads a file.
    keys = {_key(index, file, configuration): file for index, file in enumerate(files)}
    unread = [Located(file.name, finding) for file in files for finding in file.findings]
    if configuration.is_directory or len(files) > 1:
        texts = {key: file.raw for key, file in keys.items() if not file.findings}
        imported = import_files(texts, directory=configuration.is_directory)
    elif unread:
        imported = Imported([], [])
    else:
        imported = import_text(files[0].raw, files[0].format)
    document = whole([part.document for part in imported.documents])
    finder = Finder(files, originals=_originals(files, document), document=document)
    said = [_attributed(finding, keys, finder) for finding in imported.findings]
    if unread:
        said = [each for each in said if each.finding.rule != "import.empty"]
    return Loaded(configuration.name, imported.documents, [*unread, *said], finder)


def whole(documents: Sequence[Document]) -> Document:
    """Put documents of one import back together, one below the other on the canvas."""
    if len(documents) == 1:
        return documents[0]
    layout: dict[str, Position] = {}
    for document in documents:
        below = max((place.y for place in layout.values()), default=-ROW) + ROW
        layout |= {name: Position(place.x, place.y + below) for name, place in document.layout.items()}
    first = documents[0] if documents else Document()
    return msgspec.structs.replace(
        first,
        components=tuple(each for document in documents for each in document.components),
        edges=tuple(each for document in documents for each in document.edges),
        tests=tuple(each for document in documents for each in document.tests),
        layout=layout,
    )


class Finder:
    """Finds where the value that a finding is about stands, among the files of one configuration."""

    def __init__(
        self,
        files: Sequence[File],
        *,
        originals: Mapping[str, str] | None = None,
        document: Document | None = None,
    ) -> None:
        self._files = [(file, Places(file)) for file in files]
        self._originals = originals or {}
        self._is_document = originals is None
        self._document = document or Document()
        components = self._document.components
        self._kinds = {each.id: each.kind for each in components}
        self._indexes = {each.id: index for index, each in reversed(list(enumerate(components)))}

    def located(self, finding: Finding, file_name: str | None = None) -> Located:
        """Return the finding with its place in a file; the first line where nothing better is known."""
        # A connection is no option, but in Vector's own form it stands with its target's inputs.
        about: Path = ("inputs",) if finding.rule.startswith("edge.") and not finding.path else finding.path
        path, least = self._edge_path(finding) or self._path(finding.component, about)
        program = finding.fix if finding.fix and finding.fix.get("action") == "show" else None
        for file, places in self._files:
            inside = _inside(path, file.at)
            if inside is None or (file_name is not None and file.name != file_name):
                continue
            place = places.nearest(inside, max(least - len(file.at), 0 if file.at else 1)) if path else None
            if place is None:
                continue
            if program is not None:
                place = places.in_program(inside, program["program_line"], program["program_column"]) or place
            return Located(file.name, _at(finding, place, keep_fix=program is None))
        return Located(file_name or self._files[0][0].name, _at(finding, (1, 1), keep_fix=True))

    def _edge_path(self, finding: Finding) -> tuple[Path, int] | None:
        """The path of the edge that a finding would change, in a pipeline document."""
        fix = finding.fix or {}
        if not self._is_document or fix.get("action") not in ("remove_edge", "set_port"):
            return None
        wanted = (fix["source"], fix["port"], fix["target"])
        edges = self._document.edges
        return next(
            (
                (("edges", at), 2)
                for at, each in enumerate(edges)
                if (each.source, each.port, each.target) == wanted
            ),
            None,
        )

    def _path(self, component: str | None, path: Path) -> tuple[Path, int]:
        """The path in the file, and how much of it at least must be there to be the right place."""
        if component is None or component not in self._kinds:
            return (path[1:] if path[:1] == ("globals",) and not self._is_document else path), 1
        if self._is_document:
            at: Path = ("components", self._indexes[component])
            return (*at, *path) if path[:1] in (("enabled",), ("comment",)) else (*at, "options", *path), 2
        return (SECTIONS[self._kinds[component]], self._originals.get(component, component), *path), 2


def _document(configuration: Configuration) -> Loaded:
    file = configuration.files[0]
    try:
        # Only YAML has the short form of edges; tabs in JSON are none of YAML's.
        is_yaml = file.format in ("yaml", "auto") and not file.raw.lstrip().startswith(b"{")
        document = document_from_yaml(file.raw) if is_yaml else document_from_json(file.value)
    except DocumentInvalid as refused:
        finder = Finder(configuration.files)
        said = [_kept(finding, file.name) or finder.located(finding) for finding in refused.findings]
        return Loaded(file.name, [], said, finder, is_document=True)
    finder = Finder(configuration.files, document=document)
    again = [finder.located(finding) for finding in _duplicates(document)]
    if any(each.id not in document.layout for each in document.components):
        layout = auto_layout(document.components, document.edges) | document.layout
        document = msgspec.structs.replace(document, layout=layout)
    # Two components of one id cannot be told apart in what follows, so the first one is judged.
    first = {each.id: each for each in reversed(document.components)}
    kept = tuple(each for each in document.components if each is first[each.id])
    stem = file.name.rpartition("/")[2].partition(".")[0]
    named = Named(stem, msgspec.structs.replace(document, components=kept))
    return Loaded(file.name, [named], again, finder, is_document=True)


def _duplicates(document: Document) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, component in enumerate(document.components):
        if component.id in seen:
            message = (
                f"The id {component.id} is used already. Ids are unique over sources, transforms and sinks."
            )
            yield error("component.id-duplicate", message, path=("components", index, "id"))
        seen.add(component.id)


def _kept(finding: Finding, name: str) -> Located | None:
    return Located(name, finding) if finding.line is not None else None


def _originals(files: Iterable[File], document: Document) -> dict[str, str]:
    """The ids in the files of components that the importer had to call differently."""
    accepted = {each.id for each in document.components}
    found = {name: name for name in accepted}
    for name in (name for file in files for name in _ids(file) if name not in accepted):
        found[accepted_id(name, ())] = name
    return found


def _ids(file: File) -> list[str]:
    if file.at:
        return [str(file.at[-1])]
    sections: list[Any] = [file.value.get(section) for section in SECTIONS.values()] if _is_map(file) else []
    return [name for section in sections if isinstance(section, dict) for name in section]


def _is_map(file: File) -> bool:
    return isinstance(file.value, dict)


def _key(index: int, file: File, configuration: Configuration) -> str:
    if configuration.is_directory:
        return file.inner
    extension = file.format if file.format != "auto" else "conf"
    return f"given-{index:04}.{extension}"


def _attributed(finding: Finding, keys: Mapping[str, File], finder: Finder) -> Located:
    """Give a finding of the importer to the file that its message begins with."""
    message, name = finding.message, None
    for key, file in keys.items():
        if message.startswith(f"{key}: "):
            message, name = message.removeprefix(f"{key}: "), file.name
        message = message.replace(key, file.name) if f"in {key} " in message else message
    twice = _TWICE.match(message) if finding.rule in ("import.duplicate-id", "import.merge") else None
    path = tuple(twice.groups()) if twice and not finding.path else finding.path
    named = msgspec.structs.replace(finding, message=message, path=path)
    only = next(iter(keys.values())).name if len(keys) == 1 else name
    if finding.line is not None and only is not None:
        return Located(only, named)
    return finder.located(named, name)


def _inside(path: Path, at: Path) -> Path | None:
    return path[len(at) :] if path[: len(at)] == at else None


def _at(finding: Finding, place: Place, *, keep_fix: bool) -> Finding:
    fix = finding.fix if keep_fix else None
    return msgspec.structs.replace(finding, line=place[0], column=place[1], fix=fix)
