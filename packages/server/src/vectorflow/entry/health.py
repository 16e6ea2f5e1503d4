"""Is the process alive, and is it ready to serve?"""

import asyncio
from importlib import metadata
from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from vectorflow.entry.services import Services

_TIMEOUT_SECONDS = 2.0

State = Literal["ok", "degraded", "failed"]


class Health(msgspec.Struct):
    """The state of the process, with its version."""

    status: State
    version: str
    commit: str | None
    checks: dict[str, State]


def version() -> str:
    """Return the version of the installed package."""
    return metadata.version("vectorflow")


@get(
    "/api/health/live",
    operation_id="getLive",
    summary="Whether the process is alive",
    tags=["health"],
    public="asked by whoever restarts the process",
)
async def get_live(services: NamedDependency[Services]) -> Health:
    """Answer; that is all it takes."""
    return Health("ok", version(), services.settings.commit, {})


@get(
    "/api/health/ready",
    operation_id="getReady",
    summary="Whether the process can serve",
    tags=["health"],
    public="asked by load balancers",
)
async def get_ready(services: NamedDependency[Services]) -> Response[Health]:
    """Answer 200 when the database and the bus can be reached, else 503.

    `degraded` is 200 too: without the key provider, what needs no secret is served, and nodes go on; and a log that
    is shipped late is still written.
    """
    checks: dict[str, State] = {
        "database": await _database(services),
        "bus": "ok" if services.bus_connected() else "failed",
    }
    await services.keys.ring.probe()
    checks["keys"] = "ok" if services.keys.ring.failure is None else "degraded"
    shipping = await _shipping(services) if checks["database"] == "ok" else None
    if shipping is not None:
        checks["audit-shipping"] = shipping
    worst = max(checks.values(), key=("ok", "degraded", "failed").index)
    health = Health(worst, version(), services.settings.commit, checks)
    return Response(health, status_code=503 if worst == "failed" else 200)


async def _database(services: Services) -> State:
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS), services.database.unscoped():
            return "ok"
    except Exception:
        return "failed"


async def _shipping(services: Services) -> State | None:
    """Tell whether the log's proof leaves in time, where it is shipped."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            behind = await services.audit.behind(services.clock.now())
    except Exception:
        return "degraded"
    return None if behind is None else ("degraded" if behind else "ok")


routes = [get_live, get_ready]
