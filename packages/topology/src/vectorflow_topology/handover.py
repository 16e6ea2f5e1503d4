"""How a node should go from one revision to the next without losing events or sending them twice."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec

from vectorflow_topology.catalogue import catalogue
from vectorflow_topology.document import Component, Document
from vectorflow_topology.surroundings import Surroundings

Handover = Literal["beside", "reload", "restart"]


def handover(
    old: Document | None,
    new: Document,
    old_surroundings: Surroundings | None = None,
    new_surroundings: Surroundings | None = None,
) -> Handover:
    """Return how to hand over from `old` to `new`.

    `beside`: nothing that two engines could fight over, so start the new one, wait until it is healthy
    and retire the old one. `reload`: the root settings are the same, so the running engine can take
    the new configuration. `restart`: neither; drain and start anew.

    With no `old` there is nothing to hand over, and the answer tells what a node that misses the next revision
    needs to know: `beside` if `new` takes nothing for itself, else `restart`.
    """
    if not (_is_exclusive(new) or (old is not None and _is_exclusive(old))):
        return "beside"
    if old is not None and root_digest(old, old_surroundings) == root_digest(new, new_surroundings):
        return "reload"
    return "restart"


def _is_exclusive(document: Document) -> bool:
    return any(component.enabled and _takes_for_itself(component) for component in document.components)


def _takes_for_itself(component: Component) -> bool:
    """Whether two running copies would share a checkpoint, a listening address or a buffer on disk.

    A type that the catalogue does not know is taken to do so.
    """
    known = catalogue()
    spec = known.spec(component)
    if spec is None:
        return True
    buffer = component.options.get("buffer")
    stages = buffer if isinstance(buffer, list | tuple) else [buffer]
    on_disk = any(isinstance(stage, Mapping) and stage.get("type") == "disk" for stage in stages)
    listens = bool(spec.resources) and (component.kind == "source" or bool(known.resources(component)))
    return spec.stateful == "checkpoint" or on_disk or listens


def root_digest(document: Document, surroundings: Surroundings | None) -> str:
    """SHA-256 (hex) of what Vector does not take over while it runs, with the variables that may stand in it.

    An engine that runs one of two revisions with the same digest can be told to reload the other.
    """
    lent = surroundings.variables if surroundings else {}
    variables = {name: variable.value for name, variable in document.variables.items()} | lent
    backends = sorted({each.backend for each in surroundings.outside.values()}) if surroundings else []
    root = document.globals, variables if document.globals else {}, backends
    return hashlib.sha256(msgspec.json.encode(root, order="sorted")).hexdigest()
