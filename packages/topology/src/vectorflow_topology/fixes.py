"""Applying the fix that a finding proposes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from vectorflow_topology.document import DEFAULT_PORT, Component, Document, Edge, Variable
from vectorflow_topology.overlay import Overlay, Setting, apply_overlay

_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*://[^/@\s:]*:)[^/@\s]+(@)", re.IGNORECASE)

Fix = Mapping[str, Any]


class FixRefused(ValueError):
    """The fix cannot be applied to this document; the message says why."""


def apply_fix(document: Document, fix: Fix) -> Document:
    """Return the document with a finding's fix done. Raises `FixRefused` for one that needs a person.

    `make_secret` writes the reference only: whoever applies it stores the value, which stands in the
    document until then, as a secret of that name.
    """
    rule = _RULES.get(fix.get("action", ""))
    if rule is None:
        raise FixRefused(f"The fix {fix.get('action')} is not one that can be applied by itself.")
    try:
        return rule(document, fix)
    except (KeyError, TypeError, msgspec.ValidationError) as problem:
        raise FixRefused(f"The fix does not say all it must: {problem}.") from None


def value_at(document: Document, component_id: str, path: list[str | int] | tuple[str | int, ...]) -> Any:
    """Return the value of an option. Raises `FixRefused` when there is none."""
    value: Any = _component(document, component_id).options
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            raise FixRefused(f"{component_id} has nothing at {'.'.join(map(str, path))}.") from None
    return value


def _component(document: Document, name: str) -> Component:
    component = document.component(name)
    if component is None:
        raise FixRefused(f"There is no component {name}.")
    return component


def _replaced(document: Document, name: str, **changes: Any) -> Document:
    _component(document, name)
    components = tuple(
        msgspec.structs.replace(each, **changes) if each.id == name else each for each in document.components
    )
    return msgspec.structs.replace(document, components=components)


def _overlaid(document: Document, *settings: Setting) -> Document:
    changed, findings = apply_overlay(document, Overlay(options=settings))
    if findings:
        raise FixRefused(findings[0].message)
    return changed


def _set_option(document: Document, fix: Fix) -> Document:
    if fix["value"] is None:
        raise FixRefused("A value has to be chosen first.")
    return _overlaid(
        document, Setting(component=fix["component"], path=tuple(fix["path"]), value=fix["value"])
    )


def _remove_option(document: Document, fix: Fix) -> Document:
    value_at(document, fix["component"], fix["path"])
    return _overlaid(document, Setting(component=fix["component"], path=tuple(fix["path"]), remove=True))


def _rename_option(document: Document, fix: Fix) -> Document:
    return _moved(document, fix, [fix["value"]], as_list=False)


def _move_option(document: Document, fix: Fix) -> Document:
    """The value goes to `to`, beside where it is or further in; with `as_list` as the only one of a list."""
    return _moved(document, fix, fix["to"], as_list=fix.get("as_list", False))


def _moved(document: Document, fix: Fix, to: list[str], *, as_list: bool) -> Document:
    *parents, last = fix["path"]
    around = value_at(document, fix["component"], parents)
    if last not in around or to[0] in around:
        raise FixRefused(f"{last} cannot become {'.'.join(to)} here.")
    moved = [around[last]] if as_list else around[last]
    for step in reversed(to[1:]):
        moved = {step: moved}
    renamed = {
        to[0] if key == last else key: moved if key == last else value for key, value in around.items()
    }
    if not parents:
        return _replaced(document, fix["component"], options=renamed)
    return _overlaid(document, Setting(component=fix["component"], path=tuple(parents), value=renamed))


def _set_type(document: Document, fix: Fix) -> Document:
    return _replaced(document, fix["component"], type=fix["value"])


def _enable(document: Document, fix: Fix) -> Document:
    return _replaced(document, fix["component"], enabled=True)


def _edge(fix: Fix) -> Edge:
    return Edge(source=fix["source"], port=fix.get("port", DEFAULT_PORT), target=fix["target"])


def _remove_edge(document: Document, fix: Fix) -> Document:
    """One of several alike stays; what remains of a single one is nothing."""
    edges, wanted = list(document.edges), _edge(fix)
    if wanted not in edges:
        raise FixRefused("That connection is not there any more.")
    at = len(edges) - 1 - edges[::-1].index(wanted)
    return msgspec.structs.replace(document, edges=tuple(edges[:at] + edges[at + 1 :]))


def _set_port(document: Document, fix: Fix) -> Document:
    wanted = _edge(fix)
    if wanted not in document.edges:
        raise FixRefused("That connection is not there any more.")
    changed = msgspec.structs.replace(wanted, port=fix["value"])
    edges = tuple(changed if each == wanted else each for each in document.edges)
    return msgspec.structs.replace(document, edges=edges)


def _make_secret(document: Document, fix: Fix) -> Document:
    text = value_at(document, fix["component"], fix["path"])
    reference = f"SECRET[{fix['name']}]"
    within, count = (
        _URL_PASSWORD.subn(lambda match: match[1] + reference + match[2], text, count=1)
        if isinstance(text, str)
        else ("", 0)
    )
    value = within if count else reference
    return _overlaid(document, Setting(component=fix["component"], path=tuple(fix["path"]), value=value))


def _make_variable(document: Document, fix: Fix) -> Document:
    """A reference to the environment becomes one to a variable, which has its default as value."""
    text, name = value_at(document, fix["component"], fix["path"]), fix["name"]
    if not isinstance(text, str):
        raise FixRefused("Only a text refers to the environment.")
    pattern = re.compile(rf"(?<![A-Za-z0-9_$])\$\{{{re.escape(name)}(?:(:?[-?])([^}}]*))?\}}")
    match = pattern.search(text)
    if match is None:
        raise FixRefused(f"{name} does not stand there as a word of its own.")
    ours = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    setting = Setting(
        component=fix["component"], path=tuple(fix["path"]), value=pattern.sub(f"VAR[{ours}]", text)
    )
    changed = _overlaid(document, setting)
    default = match.group(2) if (match.group(1) or "").endswith("-") else None
    if default is None or ours in changed.variables:
        return changed
    return _define_variable(changed, {"name": ours, "type": "string", "value": default})


def _define_variable(document: Document, fix: Fix) -> Document:
    variable = msgspec.convert({"type": fix["type"], "value": fix["value"]}, Variable)
    return msgspec.structs.replace(document, variables={**document.variables, fix["name"]: variable})


_RULES: dict[str, Callable[[Document, Fix], Document]] = {
    "set_option": _set_option,
    "remove_option": _remove_option,
    "rename_option": _rename_option,
    "move_option": _move_option,
    "set_type": _set_type,
    "set_port": _set_port,
    "remove_edge": _remove_edge,
    "enable": _enable,
    "make_secret": _make_secret,
    "make_variable": _make_variable,
    "define_variable": _define_variable,
}
