"""The one choke point: every request to a route passes here, and nowhere else is anything allowed."""

from typing import Any, cast

import structlog
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from vectorflow.entry.services import Services
from vectorflow.identity.errors import NotSignedInError
from vectorflow.identity.http import cookie_name
from vectorflow.identity.types import LiveSession
from vectorflow.kernel.actor import Actor, ActorKind
from vectorflow.platform.http.context import request_context
from vectorflow.platform.http.csrf import SAFE_METHODS, check_origin, check_token
from vectorflow.platform.http.declaration import declaration_of
from vectorflow.platform.reading import only_reads
from vectorflow.tenancy.errors import (
    OrganizationLeavingError,
    OrganizationSuspendedError,
    PermissionDeniedError,
)
from vectorflow.tenancy.types import Access, OrganizationState

Connection = ASGIConnection[Any, Any, Any, Any]

_SESSION = "vectorflow.session"
_ACCESS = "vectorflow.access"


class RouteGuard:
    """Authenticates, checks against forgery, resolves organisation and environment, and asks the policy table."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def __call__(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Let the request pass, or raise what it is answered with.

        From here on a request that is not to change anything only reads; a GET that has to says why in `writes=`.
        """
        method = str(cast("dict[str, Any]", connection.scope)["method"])
        await self._admit(connection, handler, method)
        if method in SAFE_METHODS and not handler.opt.get("writes"):
            only_reads()

    async def _admit(self, connection: Connection, handler: BaseRouteHandler, method: str) -> None:
        scope = cast("dict[str, Any]", connection.scope)
        if method == "OPTIONS":
            return  # answered by the framework with the Allow header; it never reaches a handler of ours
        declaration = declaration_of(handler.opt, str(scope["path_template"]))
        if method not in SAFE_METHODS:
            check_origin(connection.headers, self._services.settings.base_url)
        if declaration.public is not None:
            return
        session = await self._authenticate(connection)
        if method not in SAFE_METHODS:
            check_token(connection.headers, session.csrf_token)
        scope[_SESSION] = session
        structlog.contextvars.bind_contextvars(account_id=str(session.account.id))
        if declaration.permission is None:
            return
        names = connection.path_params
        access = await self._services.tenancy.access(session.account.id, names["org"], names.get("env"))
        if not access.may(declaration.permission):
            message = f"This needs the permission {declaration.permission}. {PermissionDeniedError.title()}"
            raise PermissionDeniedError(message)
        if not (declaration.permission.reads or handler.opt.get("while_frozen")):
            _refuse_frozen(access)
        scope[_ACCESS] = access

    async def _authenticate(self, connection: Connection) -> LiveSession:
        token = connection.cookies.get(cookie_name(self._services.settings))
        if token is None:
            raise NotSignedInError
        return await self._services.sessions.authenticate(token)


def _refuse_frozen(access: Access) -> None:
    """Let nothing be changed in an organisation that is suspended or to be deleted."""
    if access.state is OrganizationState.SUSPENDED:
        raise OrganizationSuspendedError
    if access.state is OrganizationState.LEAVING:
        raise OrganizationLeavingError


def session_of(connection: Connection) -> LiveSession:
    """Return the session the guard authenticated."""
    return cast("LiveSession", cast("dict[str, Any]", connection.scope)[_SESSION])


def access_of(connection: Connection) -> Access:
    """Return the access the guard resolved."""
    return cast("Access", cast("dict[str, Any]", connection.scope)[_ACCESS])


def actor_of(connection: Connection) -> Actor:
    """Return who acts, for the log."""
    session = session_of(connection)
    scope = cast("dict[str, Any]", connection.scope)
    access: Access | None = scope.get(_ACCESS)
    return Actor(
        kind=ActorKind.ACCOUNT,
        name=session.account.name,
        account_id=session.account.id,
        session_id=session.id,
        address=request_context(scope).address,
        permissions=access.permissions if access else frozenset(),
    )
