"""The events that tests put in."""

from typing import Any

from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.events import Metric
from vectorflow_engine.testing.types import MetricInput, TestInput
from vectorflow_engine.transforms.paths import steps_of
from vectorflow_engine.vrl import Program, VrlError
from vectorflow_engine.vrl.timestamps import now


def event_of(given: TestInput, *, service: bool) -> Any:
    """The event that an input stands for; raises `ConfigError` when it says none."""
    if given.type == "raw":
        return {"message": _needed(given.value, "raw", "value"), "timestamp": now()}
    if given.type == "log":
        return _log(_needed(given.log_fields, "log", "log_fields"))
    if given.type == "vrl":
        return _from_program(_needed(given.source, "vrl", "source"), service=service)
    return _metric(_needed(given.metric, "metric", "metric"))


def _needed(value: Any, kind: str, option: str) -> Any:
    if value is None:
        raise ConfigError(f"an input of type `{kind}` needs `{option}`")
    return value


def _log(fields: dict[str, Any]) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for path, value in fields.items():
        at, steps = event, steps_of(path)
        for step in steps[:-1]:
            inner = at.setdefault(str(step), {})
            if not isinstance(inner, dict):
                raise ConfigError(f"the field `{path}` lies inside of another that is no object")
            at = inner
        at[str(steps[-1])] = value
    return event


def _from_program(source: str, *, service: bool) -> Any:
    try:
        result = Program(source, service=service).run({})
    except VrlError as error:
        raise ConfigError(f"the program of an input does not compile: {error}") from None
    if result.outcome != "ok" or not result.events:
        raise ConfigError(f"the program of an input failed: {result.message}")
    return result.events[0]


def _metric(given: MetricInput) -> Metric:
    value, kind = (given.counter, "counter") if given.counter else (given.gauge, "gauge")
    if value is None:
        raise ConfigError(
            "the embedded engine tests counters and gauges; give the metric a `counter` or a `gauge`"
        )
    return Metric(
        name=given.name,
        value=value.value,
        type=kind,
        kind=given.kind,
        namespace=given.namespace,
        tags=dict(given.tags),
        timestamp=given.timestamp,
    )
