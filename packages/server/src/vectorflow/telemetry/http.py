"""Routes of rates and series."""

from typing import Annotated
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from vectorflow.kernel.permissions import Permission
from vectorflow.telemetry.service import TelemetryService
from vectorflow.telemetry.types import HostSeries, Metric, Rates, Series
from vectorflow.tenancy.types import Access

_PIPELINE = "/orgs/{org:str}/environments/{env:str}/pipelines/{id:uuid}"

Component = Annotated[
    str | None,
    QueryParameter(
        name="component",
        min_length=1,
        max_length=128,
        description="Without it the whole pipeline's, which is known of events alone.",
    ),
]
WhichMetric = Annotated[Metric, QueryParameter(name="metric")]
Minutes = Annotated[int, QueryParameter(name="minutes", ge=1, le=7 * 1440, description="How far back.")]


@get(
    _PIPELINE + "/rates",
    operation_id="getRates",
    summary="Events per second and totals of every component, over all nodes",
    tags=["telemetry"],
    permission=Permission.TELEMETRY_READ,
)
async def get_rates(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    telemetry: NamedDependency[TelemetryService],
) -> Rates:
    """Return a pipeline's rates."""
    del org, env
    return await telemetry.rates(access.organization_id, access.environment_id, id)


@get(
    _PIPELINE + "/series",
    operation_id="getSeries",
    summary="Events per second, times or shares over time, of a component or a whole pipeline",
    tags=["telemetry"],
    permission=Permission.TELEMETRY_READ,
)
async def get_series(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    telemetry: NamedDependency[TelemetryService],
    component: Component = None,
    metric: WhichMetric = "received",
    minutes: Minutes = 60,
) -> Series:
    """Return a series of a component or a pipeline."""
    del org, env
    return await telemetry.series(
        access.organization_id,
        access.environment_id,
        id,
        component=component,
        metric=metric,
        minutes=minutes,
    )


@get(
    "/orgs/{org:str}/environments/{env:str}/nodes/{id:uuid}/host-series",
    operation_id="getHostSeries",
    summary="A machine's processor, memory, disk and network over time",
    tags=["telemetry"],
    permission=Permission.TELEMETRY_READ,
)
async def get_host_series(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    telemetry: NamedDependency[TelemetryService],
    minutes: Minutes = 60,
) -> HostSeries:
    """Return a machine's series."""
    del org, env
    return await telemetry.host_series(access.organization_id, access.environment_id, id, minutes=minutes)


routes = [get_rates, get_series, get_host_series]
