"""``internal_metrics`` and ``static_metrics``: sources that give numbers, not lines."""

import os
from typing import Any, Literal

import msgspec

from vectorflow_engine.component import Context, Options, Source
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.events import Batch, Metric
from vectorflow_engine.vrl.timestamps import now


class TagOptions(Options, frozen=True):
    """``tags``: names of the tags for host and process."""

    host_key: str | None = "host"
    pid_key: str | None = None


class InternalMetricsOptions(Options, frozen=True):
    """Options of the ``internal_metrics`` source."""

    namespace: str = "vector"
    scrape_interval_secs: float = 1.0
    tags: TagOptions = TagOptions()


class _MetricSource(Source):
    """Sends metrics at an interval."""

    interval = 1.0

    def metrics(self) -> list[Metric]:
        """What to send now."""
        raise NotImplementedError

    async def run(self) -> None:
        """Send at once, then at every interval."""
        while True:
            await self._send_metrics()
            if await self.pause(self.interval):
                return

    async def _send_metrics(self) -> None:
        found: list[Any] = self.metrics()
        self.meter.received(found)
        async with self.output.gate:
            await self.output.send(Batch(found, metric=True))


class InternalMetricsSource(_MetricSource):
    """The engine's own counters and gauges."""

    def __init__(self, context: Context, options: InternalMetricsOptions) -> None:
        super().__init__(context)
        if options.scrape_interval_secs <= 0:
            raise ConfigError("option `scrape_interval_secs` must be greater than 0")
        self.interval = options.scrape_interval_secs
        self._namespace = options.namespace
        self._tags: dict[str, str] = {}
        if options.tags.host_key:
            self._tags[options.tags.host_key] = context.host
        if options.tags.pid_key:
            self._tags[options.tags.pid_key] = str(os.getpid())

    def metrics(self) -> list[Metric]:
        """A snapshot of all series."""
        return self.context.registry.snapshot(self._namespace, self._tags)


class NumberOptions(Options, frozen=True):
    """A counter's or gauge's value."""

    value: float


class ValueOptions(Options, frozen=True):
    """``value``: one of the two."""

    counter: NumberOptions | None = None
    gauge: NumberOptions | None = None


class StaticMetricOptions(Options, frozen=True):
    """One metric of ``metrics``."""

    name: str
    kind: Literal["absolute", "incremental"]
    value: ValueOptions
    tags: dict[str, str] = msgspec.field(default_factory=dict)


class StaticMetricsOptions(Options, frozen=True):
    """Options of the ``static_metrics`` source."""

    metrics: tuple[StaticMetricOptions, ...] = ()
    interval_secs: float = 1.0
    namespace: str = "static"


class StaticMetricsSource(_MetricSource):
    """The same numbers again and again."""

    def __init__(self, context: Context, options: StaticMetricsOptions) -> None:
        super().__init__(context)
        if options.interval_secs <= 0:
            raise ConfigError("option `interval_secs` must be greater than 0")
        self.interval = options.interval_secs
        self._options = options
        for index, each in enumerate(options.metrics):
            if (each.value.counter is None) == (each.value.gauge is None):
                raise ConfigError(
                    f"option `metrics[{index}].value` must hold exactly one of `counter` and `gauge`"
                )

    def metrics(self) -> list[Metric]:
        """The configured metrics, stamped now."""
        stamp = now()
        made = []
        for each in self._options.metrics:
            kind = "counter" if each.value.counter is not None else "gauge"
            number = each.value.counter or each.value.gauge
            value = number.value if number is not None else 0.0
            made.append(Metric(each.name, value, kind, each.kind, self._options.namespace, each.tags, stamp))
        return made
