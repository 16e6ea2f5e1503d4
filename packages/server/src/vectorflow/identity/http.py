"""Routes of signing in and out, and of one's own sessions."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.identity.service import SESSION_LIFETIME, IdentityService
from vectorflow.identity.types import LiveSession
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.context import request_context
from vectorflow.platform.http.times import Instant
from vectorflow.platform.logs import clean_text
from vectorflow.platform.settings import Settings

MAX_AGENT = 256


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a person signs in with."""

    email: Annotated[str, msgspec.Meta(min_length=1, max_length=254)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]

    def __repr__(self) -> str:
        """Leave the values out: a password must not get into a log by way of a repr."""
        return "SignIn(…)"


class Account(msgspec.Struct):
    """The signed-in person."""

    id: UUID
    email: str
    name: str


class OrganizationRef(msgspec.Struct):
    """An organisation one is a member of."""

    id: UUID
    slug: str
    name: str
    role: str


class Session(msgspec.Struct):
    """One's session. `csrf_token` goes into X-CSRF-Token of every request that changes something."""

    account: Account
    csrf_token: str
    expires_at: Instant
    organizations: list[OrganizationRef]


class SessionInfo(msgspec.Struct):
    """One of one's sessions; `current` is the one that asks."""

    id: UUID
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    user_agent: str | None
    address: str | None
    current: bool


class SessionInfoList(msgspec.Struct):
    """One's live sessions, newest first."""

    items: list[SessionInfo]
    next_cursor: str | None


def cookie_name(settings: Settings) -> str:
    """Return the cookie's name; browsers hold `__Host-` ones to TLS, the host and the whole path."""
    return "__Host-vf_session" if settings.tls else "vf_session"


def session_cookie(settings: Settings, token: str) -> Cookie:
    """Return the cookie that carries a token; an empty token takes it away."""
    return Cookie(
        key=cookie_name(settings),
        value=token,
        path="/",
        httponly=True,
        secure=settings.tls,
        samesite="lax",
        max_age=int(SESSION_LIFETIME.total_seconds()) if token else 0,
    )


@post(
    "/session",
    operation_id="createSession",
    summary="Sign in",
    tags=["session"],
    status_code=200,
    public="signing in is how one gets a session",
)
async def create_session(
    data: JSONBody[SignIn],
    request: AnyRequest,
    identity: NamedDependency[IdentityService],
    settings: NamedDependency[Settings],
) -> Response[Session]:
    """Open a session and set its cookie."""
    agent = request.headers.get("user-agent")
    opened = await identity.sign_in(
        data.email,
        data.password,
        address=request_context(request.scope).address,
        user_agent=clean_text(agent)[:MAX_AGENT] if agent else None,
        replaces=request.cookies.get(cookie_name(settings)),
    )
    return Response(
        await _session(opened.session, identity),
        cookies=[session_cookie(settings, opened.token)],
        status_code=200,
    )


@get(
    "/session",
    operation_id="getSession",
    summary="Your session and organisations",
    tags=["session"],
    own_session=True,
)
async def get_session(
    session: NamedDependency[LiveSession], identity: NamedDependency[IdentityService]
) -> Session:
    """Answer with the session that asks."""
    return await _session(session, identity)


@delete("/session", operation_id="deleteSession", summary="Sign out", tags=["session"], own_session=True)
async def delete_session(
    session: NamedDependency[LiveSession],
    identity: NamedDependency[IdentityService],
    settings: NamedDependency[Settings],
) -> Response[None]:
    """End the session that asks, and take its cookie away."""
    await identity.sign_out(session)
    return Response(None, status_code=204, cookies=[session_cookie(settings, "")])


@get("/sessions", operation_id="listSessions", summary="Your sessions", tags=["session"], own_session=True)
async def list_sessions(
    session: NamedDependency[LiveSession], identity: NamedDependency[IdentityService]
) -> SessionInfoList:
    """List one's live sessions; there are never many, so they come in one page."""
    rows = await identity.sessions(session)
    items = [
        SessionInfo(
            row.id,
            rfc3339(row.created_at),
            rfc3339(row.last_seen_at),
            rfc3339(row.expires_at),
            row.user_agent,
            row.address,
            row.id == session.id,
        )
        for row in rows
    ]
    return SessionInfoList(items, None)


@delete(
    "/sessions/{id:uuid}",
    operation_id="revokeSession",
    summary="End one of your sessions",
    tags=["session"],
    own_session=True,
)
async def revoke_session(
    id: FromPath[UUID],
    session: NamedDependency[LiveSession],
    identity: NamedDependency[IdentityService],
) -> None:
    """End a session, also in other processes, within a second."""
    await identity.revoke(session, id)


async def _session(session: LiveSession, identity: IdentityService) -> Session:
    organizations = await identity.organizations(session)
    return Session(
        Account(session.account.id, session.account.email, session.account.name),
        session.csrf_token,
        rfc3339(session.expires_at),
        [OrganizationRef(each.id, each.slug, each.name, each.role) for each in organizations],
    )


routes = [create_session, get_session, delete_session, list_sessions, revoke_session]
