"""Checks a configuration that was read from files."""

from collections.abc import Iterable, Sequence

import msgspec

from vectorflow.entry.files.load import Loaded, Located
from vectorflow_topology.checks import check
from vectorflow_topology.checks.policy import PolicyRule, policy_findings
from vectorflow_topology.compiler import Target
from vectorflow_topology.vrl import VrlCompiler

# They say what an import would leave to the node or to the vault; the file itself is no worse for it.
_ABOUT_IMPORTS = frozenset(("import.comments", "import.node-local", "import.secret"))
_RANK = {"error": 0, "warning": 1, "note": 2}


def judge(
    loaded: Loaded, target: Target, vrl: VrlCompiler | None, rules: Sequence[PolicyRule] = ()
) -> list[Located]:
    """Return everything there is to say about a configuration, in the order of the files."""
    found = [_as_vector_would(each, loaded) for each in loaded.findings]
    found = [each for each in found if each.finding.rule not in _ABOUT_IMPORTS]
    if loaded.parts:
        # The lines of the compiled text say nothing here; every finding gets its place in the file.
        checked = [
            *check(loaded.document, target=target, vrl=vrl),
            *policy_findings(loaded.document, rules),
        ]
        found.extend(loaded.places.located(each) for each in checked)
    replaced = _replaced_by_environment(found) if target.interpolates else set()
    return ordered(
        each
        for each in found
        if (each.finding.component, each.finding.path) not in replaced or not _is_type(each)
    )


def ordered(found: Iterable[Located]) -> list[Located]:
    """Sort by file and place and leave out what was said already."""
    unique = {
        (each.file, each.finding.rule, each.finding.component, each.finding.path, each.finding.message): each
        for each in found
    }
    return sorted(
        unique.values(),
        key=lambda each: (
            each.file,
            each.finding.line or 0,
            each.finding.column or 0,
            _RANK[each.finding.severity],
            each.finding.rule,
        ),
    )


def _as_vector_would(located: Located, loaded: Loaded) -> Located:
    """An input that matches nothing stops Vector; an importer may go on without it."""
    relaxed = loaded.parts and loaded.document.globals.get("wildcard_matching") == "relaxed"
    if located.finding.rule != "import.no-match" or relaxed:
        return located
    message = "This input matches no output. Correct it or remove it."
    return located._replace(
        finding=msgspec.structs.replace(located.finding, severity="error", message=message)
    )


def _is_type(located: Located) -> bool:
    return located.finding.rule in ("option.wrong-type", "option.bad-choice")


def _replaced_by_environment(found: list[Located]) -> set[tuple[str | None, tuple[str | int, ...]]]:
    """Options whose text the environment replaces before Vector reads it: their type shows only then."""
    return {
        (each.finding.component, each.finding.path)
        for each in found
        if each.finding.rule == "import.environment"
    }
