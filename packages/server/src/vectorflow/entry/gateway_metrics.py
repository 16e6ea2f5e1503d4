"""What a gateway tells about itself on the internal listener. Labels are bounded by the program."""

import asyncio
import time
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vectorflow.entry.gateway import Gateway

LOOK_SECONDS = 0.1


class GatewayMetrics(Collector):
    """Reads the gateway's own counts when it is asked, so that a request costs no more than adding one."""

    def __init__(self, gateway: Gateway, registry: CollectorRegistry) -> None:
        self._gateway = gateway
        self._lag = Histogram(
            "vectorflow_gateway_loop_lag_seconds",
            "How late the event loop came back to a timer of 0.1 s: what any answer had to wait at that moment.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield every metric but the lag, which has a registration of its own."""
        requests = CounterMetricFamily(
            "vectorflow_gateway_requests",
            "Agents' calls; the outcome is ok or the status of the refusal.",
            labels=("call", "outcome"),
        )
        for labels, count in self._gateway.requests.items():
            requests.add_metric(labels, count)
        yield requests
        yield from self._figures()

    async def watch(self) -> None:
        """Measure how late the loop is, until cancelled."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(LOOK_SECONDS)
            self._lag.observe(max(0.0, time.monotonic() - began - LOOK_SECONDS))

    def _figures(self) -> Iterable[Metric]:
        gateway, ingest = self._gateway, self._gateway.ingest
        yield CounterMetricFamily(
            "vectorflow_gateway_heartbeats_shed",
            "Heartbeats refused with 429 since the buffer was full.",
            ingest.shed,
        )
        yield CounterMetricFamily(
            "vectorflow_gateway_heartbeats_written", "Heartbeats that reached the database.", ingest.written
        )
        yield GaugeMetricFamily(
            "vectorflow_gateway_heartbeats_waiting", "Heartbeats not written yet.", ingest.waiting
        )
        yield GaugeMetricFamily(
            "vectorflow_gateway_heartbeats_waiting_bytes",
            "Memory that heartbeats not written yet take.",
            ingest.waiting_bytes,
        )
        yield GaugeMetricFamily(
            "vectorflow_gateway_flush_seconds", "How long the last flush took.", ingest.flush_seconds
        )
        yield CounterMetricFamily(
            "vectorflow_gateway_log_lines", "Log lines that reached the database.", gateway.logs.stored_lines
        )
        yield CounterMetricFamily(
            "vectorflow_gateway_log_batches_refused",
            "Batches of log lines refused with 429: no room, one node sent too many, or the organisation's quota is used up.",
            gateway.logs.refused_batches,
        )
        yield CounterMetricFamily(
            "vectorflow_gateway_report_calls_refused",
            "Calls with reports refused with 429: no room, or one node sent too much.",
            gateway.intake.refused,
        )
        yield GaugeMetricFamily("vectorflow_gateway_streams", "Open streams of agents.", len(gateway.streams))
        yield GaugeMetricFamily(
            "vectorflow_gateway_tokens_cached", "Node tokens held in memory.", len(gateway.tokens)
        )
