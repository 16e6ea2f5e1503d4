"""The server's own metrics, and the internal listener that shows them.

Labels are bounded by the program (route, method, status): never an organisation, account or name.
"""

import prometheus_client
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from vectorflow.platform.http.asgi import Receive, Scope, Send, answer


class Metrics:
    """All metrics of one process. Rooms make theirs on `registry`, with the prefix `vectorflow_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        prometheus_client.ProcessCollector(registry=self.registry)
        prometheus_client.PlatformCollector(registry=self.registry)
        self.http_requests = Counter(
            "vectorflow_http_requests",
            "HTTP requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.http_seconds = Histogram(
            "vectorflow_http_request_seconds",
            "Seconds from request to the last byte of the answer, streams left out.",
            ("route",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.rate_limited = Counter(
            "vectorflow_rate_limited", "Requests refused by a rate limit.", ("limit",), registry=self.registry
        )
        self.access_log_dropped = Counter(
            "vectorflow_access_log_dropped", "Lines of the access log that were lost.", registry=self.registry
        )
        self.event_streams = Gauge(
            "vectorflow_event_streams", "Open streams of server-sent events.", registry=self.registry
        )

    def exposition(self) -> bytes:
        """Return all metrics in Prometheus' text form."""
        return prometheus_client.generate_latest(self.registry)


class MetricsApplication:
    """The ASGI application of the internal listener: `GET /metrics` and nothing else."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        if scope["path"] == "/metrics" and scope["method"] == "GET":
            await answer(send, 200, CONTENT_TYPE_LATEST, self._metrics.exposition())
        else:
            await answer(send, 404, "text/plain; charset=utf-8", b"GET /metrics is all there is here\n")
