"""Rates and series as people see them."""

from uuid import UUID

from vectorflow.kernel.clock import Clock, rfc3339
from vectorflow.pipelines.service import PipelineService
from vectorflow.platform.database import Database
from vectorflow.telemetry import store
from vectorflow.telemetry.rates import compute_rates
from vectorflow.telemetry.types import Metric, Point, Rates, Series


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
        return compute_rates(runs, self._clock.now())

    async def series(
        self,
        organization_id: UUID,
        environment_id: UUID,
        pipeline_id: UUID,
        *,
        component: str,
        metric: Metric,
        minutes: int,
    ) -> Series:
        """Return events per second of a component over the last minutes. Raises `PipelineNotFound`."""
        async with self._database.transaction(organization_id) as txn:
            await self._pipelines.pipeline(txn, environment_id, pipeline_id)
            rows = await store.series(
                txn, pipeline_id, component, metric, minutes=minutes, bucket_seconds=bucket_seconds(minutes)
            )
        return Series([Point(rfc3339(row.at), round(row.value, 3)) for row in rows])


def bucket_seconds(minutes: int) -> int:
    """Return how long a bucket of a series is, so that one holds some 100 to 150 points."""
    for longest, seconds in ((60, 30), (360, 180), (1440, 600)):
        if minutes <= longest:
            return seconds
    return 3600
