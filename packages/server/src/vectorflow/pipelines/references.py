"""What a document refers to, and what there is to say about its secrets."""

from collections.abc import Iterable, Sequence

from vectorflow.vault.types import Refusal, Stale
from vectorflow_topology.document import Document
from vectorflow_topology.findings import Finding, Path, error, note
from vectorflow_topology.surroundings import RefKind, Surroundings, references

_WORDS = {"secret": "secret", "variable": "variable", "certificate": "certificate", "file": "lookup file"}


def secret_names(document: Document) -> frozenset[str]:
    """Return the names of all secrets that a document refers to, also in components that are switched off."""
    return frozenset(each.name for each in references(document) if each.kind == "secret")


def names_used(document: Document) -> frozenset[tuple[RefKind, str]]:
    """Return everything that a document refers to, as (kind, name)."""
    return frozenset((each.kind, each.name) for each in references(document))


def sensitive_variables(surroundings: Surroundings) -> frozenset[str]:
    """Return the names of the variables whose values are secret."""
    return frozenset(name for name, each in surroundings.variables.items() if each.sensitive)


def missing_secret_findings(document: Document, missing: list[str]) -> list[Finding]:
    """Return a finding for each component that refers to a secret which does not exist."""
    found = {
        (each.name, each.component)
        for each in references(document)
        if each.kind == "secret" and each.name in missing
    }
    return [
        error(
            "secret.unknown",
            f"There is no secret {name} in this environment. Make it, or refer to another one.",
            component,
            fix={"action": "create_secret", "name": name},
        )
        for name, component in sorted(found, key=str)
    ]


def refusal_findings(refusals: Iterable[Refusal]) -> list[Finding]:
    """Return refusals of the vault as findings about the options that hold the references."""
    return [
        error(each.rule, each.message, each.use.component, _path(each.use.path), fix=each.fix)
        for each in refusals
    ]


def stale_findings(stale: Sequence[Stale]) -> list[Finding]:
    """Return a note for each thing that changed after the latest revision was made of it."""
    return [
        note(
            "environment.changed",
            f"The {_WORDS[each.kind]} {each.name} changed after the latest revision was made. "
            "It takes effect with a new revision.",
        )
        for each in stale
    ]


def _path(dotted: str) -> Path:
    return tuple(dotted.partition(".[]")[0].split("."))
