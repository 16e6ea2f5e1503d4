"""Routes of taps and captures. All of them need the permission `tap.use`: events are personal data."""

from typing import Annotated
from uuid import UUID

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from vectorflow.identity.types import LiveSession
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.events import event_response
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.telemetry.taps.captures import CaptureService
from vectorflow.telemetry.taps.live import TapStreams
from vectorflow.telemetry.taps.service import TapService
from vectorflow.telemetry.taps.types import (
    Capture,
    CaptureContent,
    CaptureList,
    CaptureNew,
    Tap,
    TapList,
    TapNew,
)
from vectorflow.tenancy.types import Access

_ENVIRONMENT = "/orgs/{org:str}/environments/{env:str}"
_TAPS = _ENVIRONMENT + "/taps"
_CAPTURES = _ENVIRONMENT + "/captures"
_MOST_BODY = 2 * 1024 * 1024

OfPipeline = Annotated[
    UUID | None, QueryParameter(name="pipeline", description="Only captures of this pipeline.")
]


@post(
    _TAPS,
    operation_id="openTap",
    summary="Ask nodes for the events that leave an output",
    tags=["taps"],
    permission=Permission.TAP_USE,
    status_code=201,
)
async def open_tap(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[TapNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    taps: NamedDependency[TapService],
    idempotency: NamedDependency[Idempotency],
) -> Tap:
    """Open a tap; its events are read from its stream, within half a minute."""
    del org, env
    await taps.check(access.organization_id, data)
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await taps.open(txn, access.environment_id, data, actor)
        await idempotency.finish(txn, 201, made)
    return made


@get(
    _TAPS,
    operation_id="listTaps",
    summary="The newest taps of an environment, open and ended, whoever asked",
    tags=["taps"],
    permission=Permission.TAP_USE,
)
async def list_taps(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    taps: NamedDependency[TapService],
) -> TapList:
    """List taps."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return TapList(await taps.taps(txn, access.environment_id))


@get(
    _TAPS + "/{id:uuid}",
    operation_id="getTap",
    summary="One tap, with what its nodes counted",
    tags=["taps"],
    permission=Permission.TAP_USE,
)
async def get_tap(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    taps: NamedDependency[TapService],
) -> Tap:
    """Return a tap."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return await taps.tap(txn, access.environment_id, id)


@post(
    _TAPS + "/{id:uuid}/stop",
    operation_id="stopTap",
    summary="End a tap",
    tags=["taps"],
    permission=Permission.TAP_USE,
    status_code=200,
)
async def stop_tap(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    taps: NamedDependency[TapService],
    idempotency: NamedDependency[Idempotency],
) -> Tap:
    """End a tap, one's own or another's."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        stopped = await taps.stop(txn, access.environment_id, id, actor)
        await idempotency.finish(txn, 200, stopped)
    return stopped


@get(
    _TAPS + "/{id:uuid}/events",
    operation_id="streamTap",
    summary="The events of one's own tap: server-sent `events` and `tap`, cut when the permission goes",
    tags=["taps"],
    permission=Permission.TAP_USE,
    media_type="text/event-stream",
    writes="that the tap is watched; one that nobody watches ends",
)
async def stream_tap(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    session: NamedDependency[LiveSession],
    tap_streams: NamedDependency[TapStreams],
) -> Stream:
    """Read a tap."""
    del org, env
    return event_response(await tap_streams.open(session.id, access, actor, id))


@post(
    _CAPTURES,
    operation_id="saveCapture",
    summary="Keep events of a tap, sealed and for some days",
    tags=["captures"],
    permission=Permission.TAP_USE,
    status_code=201,
    request_max_body_size=_MOST_BODY,
)
async def save_capture(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[CaptureNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    captures: NamedDependency[CaptureService],
    idempotency: NamedDependency[Idempotency],
) -> Capture:
    """Save a capture."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        made = await captures.save(txn, access.environment_id, data, access.account_id, actor)
        await idempotency.finish(txn, 201, made)
    return made


@get(
    _CAPTURES,
    operation_id="listCaptures",
    summary="Captures of an environment, newest first, without their events",
    tags=["captures"],
    permission=Permission.TAP_USE,
)
async def list_captures(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    captures: NamedDependency[CaptureService],
    pipeline: OfPipeline = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> CaptureList:
    """List captures."""
    del org, env
    key = decode_cursor(cursor, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await captures.captures(
            txn,
            access.environment_id,
            pipeline_id=pipeline,
            after=key[0] if key else None,
            limit=limit + 1,
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return CaptureList(items, next_cursor)


@get(
    _CAPTURES + "/{id:uuid}",
    operation_id="getCapture",
    summary="One capture with its events; the log tells who read it",
    tags=["captures"],
    permission=Permission.TAP_USE,
    writes="the log tells who read it",
)
async def get_capture(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    captures: NamedDependency[CaptureService],
) -> CaptureContent:
    """Read a capture."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return await captures.open(txn, access.environment_id, id, actor)


@delete(
    _CAPTURES + "/{id:uuid}",
    operation_id="eraseCapture",
    summary="Erase a capture",
    tags=["captures"],
    permission=Permission.TAP_USE,
    status_code=204,
)
async def erase_capture(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    captures: NamedDependency[CaptureService],
) -> None:
    """Erase a capture."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await captures.erase(txn, access.environment_id, id, actor)


routes = [
    open_tap,
    list_taps,
    get_tap,
    stop_tap,
    stream_tap,
    save_capture,
    list_captures,
    get_capture,
    erase_capture,
]
