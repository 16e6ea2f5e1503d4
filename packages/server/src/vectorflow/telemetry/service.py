"""Rates and series as people see them."""

import asyncio
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from vectorflow.fleet.service import node_row
from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.pipelines.service import PipelineService
from vectorflow.platform.database import Database
from vectorflow.telemetry import store
from vectorflow.telemetry.errors import MetricOfComponents
from vectorflow.telemetry.rates import compute_rates, counters_of
from vectorflow.telemetry.types import (
    HostPoint,
    HostPointRow,
    HostSeries,
    Metric,
    Point,
    Rates,
    RunRow,
    Series,
    Unit,
)


class TelemetryService:
    """Reads what nodes told."""

    def __init__(self, database: Database, pipelines: PipelineService, clock: Clock) -> None:
        self._database = database
        self._pipelines = pipelines
        self._clock = clock

    async def rates(self, organization_id: UUID, environment_id: UUID | None, pipeline_id: UUID) -> Rates:
        """Return a pipeline's rates and totals over all nodes.

        The environment is checked when given (the live stream has checked it before). Raises
        `PipelineNotFound`.
        """
        async with self._database.transaction(organization_id) as txn:
            if environment_id is not None:
                await self._pipelines.pipeline(txn, environment_id, pipeline_id)
            runs = await store.run_list(txn, pipeline_id)
        # Thousands of nodes take longer than other calls may wait.
        return await asyncio.to_thread(compute_rates, runs, self._clock.now())

    async def series(
        self,
        organization_id: UUID,
        environment_id: UUID,
        pipeline_id: UUID,
        *,
        component: str | None,
        metric: Metric,
        minutes: int,
    ) -> Series:
        """Return a component's metric over the last minutes, or the whole pipeline's.

        The whole pipeline received what its sources did and sent what its sinks did; errors and discarded events
        are those of all components. Raises `PipelineNotFound`, `MetricOfComponents`.
        """
        unit = _UNITS[metric]
        if component is None and unit != "events_per_second":
            raise MetricOfComponents
        read = {
            "events_per_second": store.series,
            "seconds": store.time_series,
            "share": store.share_series,
        }[unit]
        bucket = bucket_seconds(minutes)
        async with self._database.transaction(organization_id) as txn:
            await self._pipelines.pipeline(txn, environment_id, pipeline_id)
            if component is None:
                runs = await store.run_list(txn, pipeline_id)
                components = await asyncio.to_thread(_of_pipeline, runs, metric)
            else:
                components = [component]
            rows = await read(txn, pipeline_id, components, metric, minutes=minutes, bucket_seconds=bucket)
        digits = 3 if unit == "events_per_second" else 9
        return Series([Point(rfc3339(row.at), round(row.value, digits)) for row in rows], unit, bucket)

    async def host_series(
        self, organization_id: UUID, environment_id: UUID, node_id: UUID, *, minutes: int
    ) -> HostSeries:
        """Return a machine's figures over the last minutes. Raises `NodeNotFound`."""
        bucket = bucket_seconds(minutes)
        async with self._database.transaction(organization_id) as txn:
            await node_row(txn, environment_id, node_id)
            rows = await store.host_series(txn, node_id, minutes=minutes, bucket_seconds=bucket)
        return HostSeries([_host_point(row) for row in rows], bucket)


_UNITS: Final[dict[Metric, Unit]] = {
    "received": "events_per_second",
    "sent": "events_per_second",
    "errors": "events_per_second",
    "discarded": "events_per_second",
    "latency": "seconds",
    "lag": "seconds",
    "wait": "seconds",
    "utilization": "share",
    "buffer": "share",
}
_KINDS: Final[dict[Metric, str]] = {"received": "source", "sent": "sink"}


def _of_pipeline(runs: Sequence[RunRow], metric: Metric) -> list[str]:
    """Return the components whose counters make a metric of the whole pipeline."""
    kind = _KINDS.get(metric)
    told = (each for run in runs for each in counters_of(run))
    return sorted({each.id for each in told if kind is None or each.kind == kind})


def _host_point(row: HostPointRow) -> HostPoint:
    figures = msgspec.structs.asdict(row) | {"at": rfc3339(row.at)}
    rounded = {
        name: round(value, 2) if isinstance(value, float) else value for name, value in figures.items()
    }
    return msgspec.convert(rounded, HostPoint)


def bucket_seconds(minutes: int) -> int:
    """Return how long a bucket of a series is, so that one holds some 100 to 150 points."""
    for longest, seconds in ((60, 30), (360, 180), (1440, 600)):
        if minutes <= longest:
            return seconds
    return 3600
