"""Several files as one configuration, by Vector's rules for `--config` and `--config-dir`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vectorflow_topology.document import Remark
from vectorflow_topology.findings import Finding, Path, error, note
from vectorflow_topology.text.parse import Format, decoded, parse_text, placed
from vectorflow_topology.text.reader import Positions, Refused
from vectorflow_topology.text.remarks import read_remarks

MAX_FILES = 500
"""How many files one import may hold."""

MAX_TOTAL_BYTES = 20_000_000
"""The most bytes that all files of an import may have together."""

_FORMATS: Mapping[str, Format] = {"yaml": "yaml", "yml": "yaml", "toml": "toml", "json": "json"}
_NAMED = frozenset(("sources", "transforms", "sinks", "enrichment_tables"))
_FOLDERS = _NAMED | {"tests"}


class Gathered:
    """Files read one after another into one configuration.

    `origins` tells the file that each component or global came from, `positions` where it stands in it.
    """

    def __init__(self, *, directory: bool) -> None:
        self.config: dict[str, Any] = {}
        self.positions: Positions = {}
        self.origins: dict[Path, str] = {}
        self.findings: list[Finding] = []
        self.remarks: dict[Path, Remark] = {}
        self._directory = directory

    def take(self, name: str, text: str | bytes) -> None:
        """Read one file, named by its path relative to the folder, with slashes."""
        steps = name.strip("/").split("/")
        stem, _, extension = steps[-1].rpartition(".")
        chosen = _FORMATS.get(extension)
        if any(step.startswith(".") for step in steps) or (self._directory and chosen is None):
            self.findings.append(
                note("import.skipped", f"{name} is not a file that Vector reads from a folder.")
            )
            return
        try:
            read = placed(parse_text(text, chosen or "auto"), decoded(text))
        except Refused as refused:
            self.findings.extend(_in_file(finding, name) for finding in refused.findings)
            return
        if read.value is None:
            return
        if not isinstance(read.value, dict):
            self.findings.append(error("import.empty", f"{name}: a mapping is expected here."))
        elif self._directory and len(steps) > 1:
            self._folder(steps, stem, read.value, read.positions, name)
            self._remark(read_remarks(decoded(text), read), (steps[0], stem))
        else:
            self._root(read.value, read.positions, name)
            self._remark(read_remarks(decoded(text), read), ())

    def _remark(self, remarks: Mapping[Path, Remark], at: Path) -> None:
        if at[:1] != ("tests",):
            self.remarks.update({(*at, *path): remark for path, remark in remarks.items()})

    def _folder(
        self, steps: list[str], stem: str, body: dict[str, Any], positions: Positions, name: str
    ) -> None:
        """A file of a folder is one component, called like the file."""
        section = steps[0]
        if section not in _FOLDERS or (len(steps) > 2 and section != "transforms"):
            self.findings.append(note("import.skipped", f"{name} is not in a folder that Vector reads."))
            return
        if section == "tests":
            self.config.setdefault("tests", []).append({"name": stem, **body})
            return
        self._root(
            {section: {stem: body}},
            {(section, stem, *path): place for path, place in positions.items()},
            name,
        )

    def _root(self, config: dict[str, Any], positions: Positions, name: str) -> None:
        for key, value in config.items():
            if key in _NAMED and isinstance(value, dict):
                section = self.config.setdefault(key, {})
                for component, body in value.items() if isinstance(section, dict) else ():
                    self._merge(section, component, body, (key, component), name)
            else:
                self._merge(self.config, key, value, (key,), name)
        self.positions.update(positions)

    def _merge(self, into: dict[str, Any], key: str, value: Any, at: Path, name: str) -> None:
        if key not in into:
            into[key] = value
            self.origins[at] = name
            return
        other = self.origins.get(at, "another file")
        if at[0] == "tests" and isinstance(into[key], list) and isinstance(value, list):
            into[key] = [*into[key], *value]
        elif self._directory:
            merged = _deep(into[key], value)
            if merged is None:
                message = f"{name}: {'.'.join(map(str, at))} is of another kind than in {other}."
                self.findings.append(error("import.merge", message))
            else:
                into[key] = merged
        elif into[key] != value:
            message = f"{name}: {'.'.join(map(str, at))} stands in {other} too. Rename or remove one of them."
            self.findings.append(error("import.duplicate-id", message))


def gather(files: Mapping[str, str | bytes], *, directory: bool) -> Gathered:
    """Read files in the order of their names, as Vector does."""
    gathered = Gathered(directory=directory)
    size = sum(len(text) for text in files.values())
    if len(files) > MAX_FILES or size > MAX_TOTAL_BYTES:
        message = f"At most {MAX_FILES} files with {MAX_TOTAL_BYTES} bytes in all can be imported at once."
        gathered.findings.append(error("import.too-large", message))
        return gathered
    for name in sorted(files):
        gathered.take(name, files[name])
    return gathered


def _deep(one: Any, other: Any) -> Any:
    """Merge as Vector merges the root files of a folder; None when the kinds differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        merged = dict(one)
        for key, value in other.items():
            merged[key] = _deep(one[key], value) if key in one else value
        return merged
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *other]
    if isinstance(one, dict | list) or isinstance(other, dict | list):
        return None
    return other


def _in_file(finding: Finding, name: str) -> Finding:
    return Finding(
        rule=finding.rule,
        severity=finding.severity,
        message=f"{name}: {finding.message}",
        line=finding.line,
        column=finding.column,
    )
