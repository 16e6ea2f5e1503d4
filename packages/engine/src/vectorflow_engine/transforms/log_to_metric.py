"""``log_to_metric``: counters and gauges from the fields of logs."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import msgspec

from vectorflow_engine.component import Context, Options, Transform
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.events import Metric
from vectorflow_engine.transforms.paths import MISSING, getter, template
from vectorflow_engine.vrl.timestamps import Timestamp


class MetricOptions(Options, frozen=True):
    """One entry of ``metrics``."""

    type: Literal["counter", "gauge"]
    field: str
    name: str | None = None
    namespace: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    increment_by_value: bool = False
    kind: Literal["absolute", "incremental"] = "incremental"


class LogToMetricOptions(Options, frozen=True):
    """Options of ``log_to_metric``."""

    metrics: list[MetricOptions]


class _Maker:
    """Makes one metric of each log that has its field."""

    def __init__(self, options: MetricOptions) -> None:
        self._options = options
        self._field = getter(options.field.lstrip("."))
        self._name = template(options.name or options.field)
        self._namespace = template(options.namespace) if options.namespace else None
        self._tags = [(key, template(value)) for key, value in options.tags.items()]

    def make(self, event: dict[str, Any]) -> Metric | str | None:
        """The metric; None where the field is missing; text that says why it cannot be made."""
        value = self._field(event)
        if value is MISSING or value is None:
            return None
        options = self._options
        counted = options.type == "counter" and not options.increment_by_value
        number = 1.0 if counted else _number(value)
        name = self._name(event)
        if number is None or name is None:
            return f"field {options.field!r} is no number" if number is None else "the name lacks a field"
        tags = {key: text for key, fill in self._tags if (text := fill(event)) is not None}
        at = event.get("timestamp")
        return Metric(
            name=name,
            value=number,
            type=options.type,
            kind=options.kind if options.type == "counter" else "absolute",
            namespace=self._namespace(event) if self._namespace else None,
            tags=tags,
            timestamp=at if isinstance(at, Timestamp) else None,
        )


class LogToMetric(Transform):
    """Turns each log into the metrics that its fields allow."""

    makes_metrics: ClassVar[bool] = True

    def __init__(self, context: Context, options: LogToMetricOptions) -> None:
        super().__init__(context)
        self._makers = [_Maker(each) for each in options.metrics]

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """The metrics of each log, in the order of the options."""
        made: list[Any] = []
        for event in events:
            for maker in self._makers:
                found = maker.make(event)
                if isinstance(found, Metric):
                    made.append(found)
                elif found is not None:
                    self.meter.error("conversion_failed", "processing")
                    self.log.error("No metric was made of an event. error=%s", found)
        return {DEFAULT_PORT: made}


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None
