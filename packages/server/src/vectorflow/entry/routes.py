"""The rooms whose routes the API has. A new room adds its `http` here, and nothing else."""

from litestar.types import ControllerRouterHandler

from vectorflow.audit import http as audit
from vectorflow.identity import http as identity
from vectorflow.tenancy import http as tenancy

ROUTES: list[ControllerRouterHandler] = [
    *identity.routes,
    *tenancy.routes,
    *audit.routes,
]
