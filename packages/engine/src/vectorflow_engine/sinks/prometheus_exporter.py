"""``prometheus_exporter``: the last value of every series, for whoever comes to read."""

import math
import re
import time

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import METRIC, Context, Options, Sink
from vectorflow_engine.events import Buckets, Metric
from vectorflow_engine.http_listener import HttpListener, Receive, Scope, Send, answer

_BAD = re.compile(r"[^a-zA-Z0-9_:]")
_BAD_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_MAX_SERIES = 200_000

_Key = tuple[str, tuple[tuple[str, str], ...]]


class PrometheusExporterOptions(Options, frozen=True):
    """Options of ``prometheus_exporter``; those for distributions are accepted, the engine has none."""

    address: str = "0.0.0.0:9598"
    default_namespace: str | None = None
    flush_period_secs: int = 60
    suppress_timestamp: bool = False
    distributions_as_summaries: bool = False
    buckets: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()


class _Series:
    __slots__ = ("metric", "seen", "value")

    def __init__(self, metric: Metric) -> None:
        self.metric, self.value, self.seen = metric, 0.0, 0.0


class PrometheusExporterSink(Sink):
    """Serves ``/metrics``; a series not seen for ``flush_period_secs`` is forgotten."""

    accepts = METRIC

    def __init__(self, context: Context, options: PrometheusExporterOptions) -> None:
        super().__init__(context)
        self._options = options
        self._series: dict[_Key, _Series] = {}
        self._listener = HttpListener(f"sink `{context.id}`", options.address, self._app)

    async def open(self) -> None:
        """Listen; raises `StartError` when the address is taken."""
        await self._listener.start()

    async def close(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    async def run(self, inbox: Buffer) -> None:
        """Keep the latest of everything."""
        while (batch := await inbox.get()) is not None:
            for metric in batch.events:
                self._keep(metric)
            self.sent.add(batch.events)
            batch.release()

    def _keep(self, metric: Metric) -> None:
        namespace = metric.namespace or self._options.default_namespace
        name = _BAD.sub("_", f"{namespace}_{metric.name}" if namespace else metric.name)
        key = (name, tuple(sorted(metric.tags.items())))
        series = self._series.get(key)
        if series is None:
            if len(self._series) >= _MAX_SERIES:
                self.meter.discarded(1, intentional=False)
                return
            series = self._series[key] = _Series(metric)
        series.metric, series.seen = metric, time.monotonic()
        series.value = metric.value if metric.kind == "absolute" else series.value + metric.value

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] != "/metrics":
            await answer(send, 404)
        elif scope["method"] not in ("GET", "HEAD"):
            await answer(send, 405)
        else:
            body = b"" if scope["method"] == "HEAD" else self.render().encode()
            await answer(send, 200, body, b"text/plain; version=0.0.4")

    def render(self) -> str:
        """Everything in Prometheus' text format."""
        limit = time.monotonic() - self._options.flush_period_secs
        self._series = {key: each for key, each in self._series.items() if each.seen >= limit}
        stamp = "" if self._options.suppress_timestamp else f" {int(time.time() * 1000)}"
        lines: list[str] = []
        last = ""
        for (name, tags), series in sorted(self._series.items(), key=lambda item: item[0]):
            if name != last:
                lines += [f"# HELP {name} {name}", f"# TYPE {name} {series.metric.type}"]
                last = name
            labels = ",".join(f'{_BAD_LABEL.sub("_", key)}="{_escaped(value)}"' for key, value in tags)
            if series.metric.buckets is None:
                lines.append(f"{name}{{{labels}}} {_number(series.value)}{stamp}")
            else:
                lines += _histogram(name, labels, series.metric.buckets, stamp)
        return "\n".join(lines) + "\n" if lines else ""


def _histogram(name: str, labels: str, held: Buckets, stamp: str) -> list[str]:
    """Each bucket with all below it, as Prometheus counts."""
    lines: list[str] = []
    below = 0
    before = f"{labels}," if labels else ""
    for bound, count in held.counts:
        below += count
        le = f"{bound:g}" if math.isfinite(bound) else "+Inf"
        lines.append(f'{name}_bucket{{{before}le="{le}"}} {below}{stamp}')
    lines.append(f"{name}_sum{{{labels}}} {_number(held.sum)}{stamp}")
    lines.append(f"{name}_count{{{labels}}} {held.count}{stamp}")
    return lines


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    """Whole numbers without an exponent: a counter must stay exact to the event."""
    return str(int(value)) if math.isfinite(value) and value == int(value) else repr(value)
