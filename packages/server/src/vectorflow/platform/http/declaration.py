"""What each route must say about itself: the permission it needs, or why it needs none.

@get("/orgs/{org:str}/pipelines", permission=Permission.PIPELINE_READ)
@post("/session", public="signing in is how one gets a session")
@get("/sessions", own_session=True)

A GET's transactions only read. One that has to write something says what: `writes="the log tells who read it"`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.kernel.permissions import Permission


class RouteUndeclaredError(VectorFlowError, status=500, code="platform.route-undeclared"):
    """A route must declare exactly one of permission=, public= or own_session=."""


class Declaration(msgspec.Struct, frozen=True):
    """What a route declares. Exactly one field is set."""

    permission: Permission | None = None
    public: str | None = None
    own_session: bool = False


def declaration_of(opt: Mapping[str, Any], route: str) -> Declaration:
    """Return a route's declaration. Raises `RouteUndeclaredError` naming the route."""
    declared = [name for name in ("permission", "public", "own_session") if opt.get(name)]
    if len(declared) != 1:
        message = f"{route} declares {' and '.join(declared) or 'nothing'}; {RouteUndeclaredError.title()}"
        raise RouteUndeclaredError(message)
    if declared == ["permission"]:
        if not isinstance(opt["permission"], Permission):
            message = f"{route}: permission= takes a Permission"
            raise RouteUndeclaredError(message)
        if "{org" not in route:
            message = f"{route} declares a permission, but its path names no organisation to have it in"
            raise RouteUndeclaredError(message)
        return Declaration(permission=opt["permission"])
    if declared == ["public"]:
        return Declaration(public=str(opt["public"]))
    return Declaration(own_session=True)
