"""An organisation's own rules about pipelines: types, options and destinations, given as data."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from vectorflow_topology.catalogue.resources import split_address
from vectorflow_topology.catalogue.sensitive import texts
from vectorflow_topology.document import Component, Document, Kind
from vectorflow_topology.findings import Finding, Path, Severity, ordered

_ADDRESSES = frozenset(
    (
        "address", "addresses", "bootstrap_servers", "broker", "connection_string", "endpoint", "endpoints",
        "host", "hosts", "server", "uri", "url", "urls",
    )
)  # fmt: skip
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,]+", re.IGNORECASE)


class PolicyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule of an organisation.

    `kinds` and `types` (with wildcards; empty for all) say which components it is about. A rule about
    a `component` is about their being there at all; with `allow`, components of `kinds` whose type is
    not among `types` break it. A rule about an `option` looks at the value at `path`: `deny` refuses
    `values` (empty: any value), `allow` refuses all others, `require` also wants it to be there. A rule
    about a `destination` compares the hosts that sinks send to with `values`. All comparing is with
    wildcards; values that are not text are compared as they stand in YAML.
    """

    name: str
    about: Literal["component", "option", "destination"]
    verdict: Literal["allow", "deny", "require"] = "deny"
    kinds: tuple[Kind, ...] = ()
    types: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    severity: Severity = "error"
    reason: str = ""


def policy_findings(document: Document, rules: Iterable[PolicyRule]) -> list[Finding]:
    """Return where the enabled components of a document break the rules. Variables count with their values."""
    variables = {f"VAR[{name}]": each.value for name, each in document.variables.items()}
    found: list[Finding] = []
    for rule in rules:
        for component in document.components:
            if component.enabled and (not rule.kinds or component.kind in rule.kinds):
                found.extend(_JUDGES[rule.about](rule, component, variables))
    return ordered(found)


def _component(rule: PolicyRule, component: Component, _: Mapping[str, Any]) -> Iterator[Finding]:
    named = _matches(component.type, rule.types)
    if named == (rule.verdict == "deny"):
        yield _broken(rule, component, (), f"the {component.kind} type {component.type} is not allowed here")


def _option(rule: PolicyRule, component: Component, variables: Mapping[str, Any]) -> Iterator[Finding]:
    if rule.types and not _matches(component.type, rule.types):
        return
    dotted = ".".join(rule.path)
    values = list(_at(component.options, rule.path, ()))
    if not values and rule.verdict == "require":
        yield _broken(rule, component, rule.path, f"{dotted} must be set")
    for path, value in values:
        meant = variables.get(value, value) if isinstance(value, str) else value
        listed = not rule.values or _matches(_as_text(meant), rule.values)
        if listed == (rule.verdict == "deny"):
            yield _broken(rule, component, path, f"this value of {dotted} is not allowed here")


def _destination(rule: PolicyRule, component: Component, variables: Mapping[str, Any]) -> Iterator[Finding]:
    if component.kind != "sink" or (rule.types and not _matches(component.type, rule.types)):
        return
    for path, text in texts(component.options):
        for host in _hosts(path, _with_variables(text, variables)):
            if _matches(host.lower(), rule.values) == (rule.verdict == "deny"):
                yield _broken(rule, component, path, f"events must not be sent to {host}")


def _hosts(path: Path, text: str) -> Iterator[str]:
    named = next((step for step in reversed(path) if isinstance(step, str)), "") in _ADDRESSES
    urls = _URL.findall(text) if "://" in text else []
    for url in urls:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = url
        yield host or url
    if named and not urls:
        for address in filter(None, (each.strip() for each in text.split(","))):
            yield split_address(address)[0]


def _at(value: Any, path: tuple[str, ...], before: Path) -> Iterator[tuple[Path, Any]]:
    """Find the values at a path; a list on the way stands for each of its items, `*` for any key."""
    if isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _at(inner, path, (*before, index))
    elif not path:
        yield before, value
    elif isinstance(value, Mapping):
        for key in value if path[0] == "*" else [path[0]] if path[0] in value else ():
            yield from _at(value[key], path[1:], (*before, key))


def _with_variables(text: str, variables: Mapping[str, Any]) -> str:
    for name, value in variables.items() if "VAR[" in text else ():
        text = text.replace(name, _as_text(value))
    return text


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _broken(rule: PolicyRule, component: Component, path: Path, what: str) -> Finding:
    reason = f" {rule.reason}" if rule.reason else ""
    message = f"By the rule {rule.name}, {what}.{reason}"
    return Finding(
        rule=f"policy.{rule.about}",
        severity=rule.severity,
        message=message,
        component=component.id,
        path=path,
    )


_JUDGES = {"component": _component, "option": _option, "destination": _destination}
