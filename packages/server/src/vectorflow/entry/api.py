"""Builds the API: rooms' routes behind the one guard, the web application beside them, plumbing around both."""

from collections.abc import Sequence
from typing import cast

import psycopg
import structlog
from litestar import Litestar, Router
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.types import ControllerRouterHandler

from vectorflow.entry import health, security_policy
from vectorflow.entry.dependencies import dependencies
from vectorflow.entry.guard import RouteGuard
from vectorflow.entry.openapi import openapi_config
from vectorflow.entry.routes import ROUTES
from vectorflow.entry.services import Services
from vectorflow.entry.web import DIRECTORY, WebApplication, load_files
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow.platform.http.access_log import AccessLog, AccessLogMiddleware
from vectorflow.platform.http.asgi import ASGIApp, Receive, Scope, Send
from vectorflow.platform.http.context import RequestContextMiddleware
from vectorflow.platform.http.declaration import Declaration, RouteUndeclaredError, declaration_of
from vectorflow.platform.http.headers import SecurityHeadersMiddleware
from vectorflow.platform.http.idempotency import Replay, answer_replay
from vectorflow.platform.http.limits import AddressLimitMiddleware
from vectorflow.platform.http.problems import (
    answer_data_error,
    answer_error,
    answer_http_exception,
    answer_unavailable,
    answer_unexpected,
)

log = structlog.get_logger()

MAX_BODY_BYTES = 4 * 1024 * 1024


def build_litestar(services: Services, routes: Sequence[ControllerRouterHandler] | None = None) -> Litestar:
    """Build the application of all routes. Raises `RouteUndeclaredError` for a route without permission."""
    app = Litestar(
        route_handlers=[
            Router("/api/v1", route_handlers=list(ROUTES if routes is None else routes)),
            *health.routes,
            *security_policy.routes,
        ],
        guards=[RouteGuard(services)],
        dependencies=dependencies(services),
        exception_handlers={
            VectorFlowError: answer_error,
            HTTPException: answer_http_exception,
            DatabaseUnavailable: answer_unavailable,
            psycopg.DataError: answer_data_error,
            Replay: answer_replay,
            Exception: answer_unexpected,
        },
        openapi_config=openapi_config(),
        request_max_body_size=MAX_BODY_BYTES,
        logging_config=None,
        debug=False,
    )
    declared_routes(app)
    return app


def declared_routes(app: Litestar) -> dict[tuple[str, str], Declaration]:
    """Return each (method, path) with what it declares. Raises `RouteUndeclaredError`."""
    found: dict[tuple[str, str], Declaration] = {}
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            message = f"{route.path} is no HTTP route; the guard does not know how to decide about it"
            raise RouteUndeclaredError(message)
        for handler in route.route_handlers:
            for method in _methods(handler):
                found[method, route.path_format] = declaration_of(handler.opt, route.path_format)
    return found


def _methods(handler: HTTPRouteHandler) -> list[str]:
    return sorted(str(method) for method in handler.http_methods if method != "OPTIONS")


class Dispatcher:
    """Sends `/api` and `/.well-known` to the routes, everything else to the web application."""

    def __init__(self, api: ASGIApp, web: ASGIApp) -> None:
        self._api = api
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        path = scope.get("path", "")
        ours = path == "/api" or path.startswith(("/api/", "/.well-known/"))
        await (self._api if ours or scope["type"] != "http" else self._web)(scope, receive, send)


def build_api(
    services: Services,
    *,
    access_log: AccessLog | None = None,
    routes: Sequence[ControllerRouterHandler] | None = None,
) -> ASGIApp:
    """Build the whole ASGI application of the role `api`."""
    settings = services.settings
    litestar = cast("ASGIApp", build_litestar(services, routes))
    app: ASGIApp = Dispatcher(litestar, WebApplication(load_files(DIRECTORY)))
    app = AddressLimitMiddleware(app, buckets=services.address_buckets, metrics=services.metrics)
    app = SecurityHeadersMiddleware(app)
    app = AccessLogMiddleware(app, metrics=services.metrics, access_log=access_log, clock=services.clock)
    return RequestContextMiddleware(app, proxies=settings.trusted_proxies, tls=settings.tls)
