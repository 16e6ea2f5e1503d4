"""Placing components on the canvas, from left to right along the flow of events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vectorflow_topology.document import Component, Edge, Position

COLUMN = 280.0
"""Pixels between two columns."""

ROW = 120.0
"""Pixels between two rows."""


def auto_layout(components: Iterable[Component], edges: Iterable[Edge]) -> dict[str, Position]:
    """Place each component one column right of what feeds it, near the height of its feeders."""
    ids = [component.id for component in components]
    feeders: dict[str, list[str]] = {name: [] for name in ids}
    fed: dict[str, list[str]] = {name: [] for name in ids}
    for edge in edges:
        if edge.source in feeders and edge.target in feeders and edge.source not in feeders[edge.target]:
            feeders[edge.target].append(edge.source)
            fed[edge.source].append(edge.target)
    columns = _columns(ids, feeders, fed)
    order: dict[str, float] = {}
    for column in range(max(columns.values(), default=-1) + 1):
        members = [name for name in ids if columns[name] == column]
        members.sort(key=lambda name: _height(feeders[name], order))
        order.update((name, float(row)) for row, name in enumerate(members))
    return {name: Position(columns[name] * COLUMN, order[name] * ROW) for name in ids}


def _columns(
    ids: list[str], feeders: Mapping[str, list[str]], fed: Mapping[str, list[str]]
) -> dict[str, int]:
    """The longest way from a beginning; what turns in a circle stays where it was reached first."""
    columns = dict.fromkeys(ids, 0)
    waiting = {name: len(feeders[name]) for name in ids}
    ready = [name for name in ids if not waiting[name]]
    while ready:
        name = ready.pop()
        for target in fed[name]:
            columns[target] = max(columns[target], columns[name] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return columns


def _height(feeders: list[str], order: Mapping[str, float]) -> float:
    known = sorted(order[name] for name in feeders if name in order)
    return known[len(known) // 2] if known else 0.0
