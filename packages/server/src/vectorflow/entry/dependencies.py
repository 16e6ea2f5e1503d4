"""What a route may name as an argument, and where it comes from.

To add a service: one attribute in `Services`, one line in `dependencies`.
"""

from typing import Any
from uuid import UUID

from litestar.di import Provide

from vectorflow.entry.guard import access_of, actor_of, session_of
from vectorflow.entry.rooms import SERVICES as ROOM_SERVICES
from vectorflow.entry.services import Services
from vectorflow.identity.types import LiveSession
from vectorflow.kernel.actor import Actor
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access

SERVICES = (
    "settings",
    "database",
    "own_keys",
    "encryption",
    "tenancy",
    "identity",
    "organization_life",
    "audit",
    "streams",
    "metrics",
    "clock",
)


async def provide_session(request: AnyRequest) -> LiveSession:
    """Provide the caller's session (routes with own_session= or permission=)."""
    return session_of(request)


async def provide_access(request: AnyRequest) -> Access:
    """Provide what the caller may do here (routes with permission=)."""
    return access_of(request)


async def provide_actor(request: AnyRequest) -> Actor:
    """Provide who acts, for the log."""
    return actor_of(request)


async def provide_organization_id(request: AnyRequest) -> UUID:
    """Provide the organisation's id, for rooms below tenancy."""
    return access_of(request).organization_id


async def provide_idempotency(request: AnyRequest) -> Idempotency:
    """Provide the request's idempotency key."""
    return await Idempotency.of(request, session_of(request).account.id)


def dependencies(services: Services) -> dict[str, Provide]:
    """Return the providers of everything a route may ask for."""
    found = {
        "session": Provide(provide_session),
        "access": Provide(provide_access),
        "actor": Provide(provide_actor),
        "organization_id": Provide(provide_organization_id),
        "idempotency": Provide(provide_idempotency),
    }
    found["services"] = _constant(services)
    for name in SERVICES:
        found[name] = _constant(getattr(services, name))
    for name in ROOM_SERVICES:
        found[name] = _constant(getattr(services.rooms, name))
    return found


def _constant(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)
