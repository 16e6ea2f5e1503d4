"""Conditions of transforms: VRL that gives true or false, on logs and on metrics."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from vectorflow_engine.component import Options
from vectorflow_engine.events import Metric
from vectorflow_engine.vrl import Condition, Kind


class ConditionTable(Options, frozen=True):
    """The long form of a condition."""

    source: str
    type: Literal["vrl"] = "vrl"


ConditionOption = str | ConditionTable


def condition_source(option: ConditionOption) -> str:
    """The VRL of a condition in either form."""
    return option if isinstance(option, str) else option.source


class VrlUse(NamedTuple):
    """One piece of VRL in a component's options."""

    option: str
    source: str
    kind: Kind


def condition_use(option: str, value: ConditionOption) -> VrlUse:
    """A condition as something to compile."""
    return VrlUse(option, condition_source(value), "condition")


def condition(option: ConditionOption) -> Callable[[Any], bool]:
    """The condition as a function of an event; raises ``VrlError``."""
    compiled = Condition(condition_source(option))
    matches = compiled.matches

    def check(event: Any) -> bool:
        return matches(metric_view(event) if isinstance(event, Metric) else event)

    return check


def metric_view(metric: Metric) -> dict[str, Any]:
    """What VRL sees of a metric."""
    view: dict[str, Any] = {"name": metric.name, "kind": metric.kind, "type": metric.type}
    if metric.namespace:
        view["namespace"] = metric.namespace
    if metric.timestamp:
        view["timestamp"] = metric.timestamp
    view["tags"] = dict(metric.tags)
    return view
