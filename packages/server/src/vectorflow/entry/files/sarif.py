"""Findings as SARIF 2.1.0, which code hosts show beside the changed lines."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from vectorflow.entry.files.load import Located
from vectorflow.entry.files.report import dump, fix_hint
from vectorflow_topology.findings import Finding

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LAYERS = {
    "buffer": "Buffers",
    "component": "Components and their types",
    "document": "The pipeline document",
    "edge": "Connections",
    "global": "Global settings",
    "import": "Reading the file",
    "option": "Options of components",
    "port": "Outputs of components",
    "reliability": "What loses or holds up events",
    "resource": "Ports that are listened on",
    "secret": "Credentials",
    "test": "Unit tests",
    "variable": "Variables",
    "vrl": "VRL programs",
}


def as_sarif(found: Sequence[Located], version: str) -> str:
    """Return one run with a rule for each kind of finding; the same findings give the same bytes."""
    rules = sorted({each.finding.rule for each in found})
    driver = {"name": "vectorflow", "version": version, "rules": [_rule(name) for name in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(each, rules.index(each.finding.rule)) for each in found],
    }
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(name: str) -> dict[str, Any]:
    layer, _, rest = name.partition(".")
    text = f"{_LAYERS.get(layer, layer.capitalize())}: {rest.replace('-', ' ')}"
    return {"id": name, "shortDescription": {"text": text}}


def _result(located: Located, index: int) -> dict[str, Any]:
    finding = located.finding
    hint = fix_hint(finding)
    region = {"startLine": finding.line or 1, "startColumn": finding.column or 1}
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity,
        "message": {"text": f"{finding.message} Fix: {hint}." if hint else finding.message},
        "locations": [
            {"physicalLocation": {"artifactLocation": {"uri": file_uri(located.file)}, "region": region}}
        ],
        "partialFingerprints": {"vectorflow/v1": _fingerprint(located.file, finding)},
        "properties": {"component": finding.component, "path": list(finding.path)},
    }


def file_uri(name: str) -> str:
    """Return a file's name as a URI reference: relative as it was given, absolute with its scheme."""
    quoted = quote(os.fsencode(Path(name).as_posix()))
    return f"file://{quoted}" if quoted.startswith("/") else quoted


def _fingerprint(file: str, finding: Finding) -> str:
    """What stays the same when lines move."""
    parts = (file, finding.rule, finding.component or "", *map(str, finding.path), finding.message)
    return hashlib.sha256("\0".join(parts).encode(errors="surrogateescape")).hexdigest()[:32]
