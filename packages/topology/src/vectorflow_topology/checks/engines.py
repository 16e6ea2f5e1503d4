"""A document against every distinct engine that it is meant for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from vectorflow_topology.catalogue import Catalogue
from vectorflow_topology.checks.run import check
from vectorflow_topology.compiler.types import Target
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding, ordered
from vectorflow_topology.surroundings import Surroundings
from vectorflow_topology.vrl import VrlCompiler


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """An engine among the target nodes: what is compiled for, and the catalogue of its own binary.

    What only a catalogue that is not `confirmed` objects to is a warning at most.
    """

    target: Target
    catalogue: Catalogue | None = None
    confirmed: bool = False


def check_engines(
    document: Document,
    engines: Sequence[Engine],
    *,
    vrl: VrlCompiler | None = None,
    surroundings: Surroundings | None = None,
) -> list[Finding]:
    """Return the findings of all engines, each once; what not all say names the versions that do."""
    said: dict[Finding, Finding] = {}
    versions: dict[Finding, list[str]] = {}
    distinct = list({_identity(engine): engine for engine in engines}.values())
    for engine in distinct:
        for finding in _of_one(document, engine, vrl, surroundings):
            key = _without_place(finding)
            said.setdefault(key, finding)
            versions.setdefault(key, []).append(engine.target.vector_version)
    return ordered(
        finding if len(versions[key]) == len(distinct) else _named(finding, versions[key])
        for key, finding in said.items()
    )


def _of_one(
    document: Document, engine: Engine, vrl: VrlCompiler | None, surroundings: Surroundings | None
) -> list[Finding]:
    packaged = check(document, target=engine.target, vrl=vrl, surroundings=surroundings)
    if engine.catalogue is None:
        return packaged
    exact = check(document, target=engine.target, vrl=vrl, known=engine.catalogue, surroundings=surroundings)
    if engine.confirmed:
        return exact
    ours = {_without_place(finding) for finding in packaged}
    lowered = [
        msgspec.structs.replace(finding, severity="warning")
        for finding in exact
        if finding.severity == "error" and _without_place(finding) not in ours
    ]
    return [*packaged, *lowered]


def _identity(engine: Engine) -> tuple[str, bool, str | None, bool]:
    digest = engine.catalogue.digest if engine.catalogue else None
    return engine.target.vector_version, engine.target.interpolates, digest, engine.confirmed


def _without_place(finding: Finding) -> Finding:
    # A fix may hold lists, which no set takes; the rest says enough.
    return msgspec.structs.replace(finding, line=None, column=None, fix=None)


def _named(finding: Finding, versions: Sequence[str]) -> Finding:
    named = ", ".join(dict.fromkeys(versions))
    return msgspec.structs.replace(finding, message=f"{finding.message} (Vector {named})")
