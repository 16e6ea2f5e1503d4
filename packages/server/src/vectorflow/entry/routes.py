"""The rooms whose routes the API has. A new room adds its `http` here, and nothing else."""

from litestar.types import ControllerRouterHandler

from vectorflow.alerts import http as alerts
from vectorflow.audit import http as audit
from vectorflow.delivery import http as delivery
from vectorflow.fleet import http as fleet
from vectorflow.identity import http as identity
from vectorflow.keys import http as keys
from vectorflow.library import http as library
from vectorflow.pipelines import http as pipelines
from vectorflow.telemetry import http as telemetry
from vectorflow.telemetry.logs import http as logs
from vectorflow.telemetry.taps import http as taps
from vectorflow.tenancy import http as tenancy
from vectorflow.tenancy.lifecycle import http as lifecycle
from vectorflow.vault import http as vault

ROUTES: list[ControllerRouterHandler] = [
    *identity.routes,
    *tenancy.routes,
    *lifecycle.routes,
    *audit.routes,
    *keys.routes,
    *vault.routes,
    *library.routes,
    *pipelines.routes,
    *fleet.routes,
    *telemetry.routes,
    *logs.routes,
    *taps.routes,
    *delivery.routes,
    *alerts.routes,
]
