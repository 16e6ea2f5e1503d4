"""Routes of channels: where a channel leads goes in and never comes out in full."""

from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.alerts.channels import ChannelService
from vectorflow.alerts.types import ChannelKind, ChannelRow, DeliveryState, EmailTarget, WebhookTarget
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import etag, if_match, require_match
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access

_PATH = "/orgs/{org:str}/environments/{env:str}/channels"


class ChannelInput(msgspec.Struct, forbid_unknown_fields=True):
    """A channel as it is to be."""

    name: str
    target: EmailTarget | WebhookTarget


class LastMessage(msgspec.Struct):
    """How the newest message by a channel went."""

    state: DeliveryState
    at: Instant
    error: str


class Channel(msgspec.Struct):
    """A channel. `shown` names the people of a mail channel, or the host of a webhook."""

    id: UUID
    name: str
    kind: ChannelKind
    shown: str
    updated_at: Instant
    updated_by: str
    last_message: LastMessage | None
    etag: str


class ChannelKept(msgspec.Struct):
    """A channel that was just kept, with the only copy of what signs its webhooks; none for mail."""

    channel: Channel
    signing_secret: str | None


class ChannelList(msgspec.Struct):
    """The channels of an environment, by name. `mail` tells whether this installation can send mail."""

    items: list[Channel]
    mail: bool


@get(
    _PATH,
    operation_id="listChannels",
    summary="The environment's channels, by name",
    tags=["alerts"],
    permission=Permission.ALERT_READ,
)
async def list_channels(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    channels: NamedDependency[ChannelService],
) -> ChannelList:
    """List channels; there are few."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        rows = await channels.channels(txn, access.environment_id)
    return ChannelList([_shown(row) for row in rows], channels.mail)


@post(
    _PATH,
    operation_id="createChannel",
    summary="Make a channel",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def create_channel(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[ChannelInput],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    channels: NamedDependency[ChannelService],
    idempotency: NamedDependency[Idempotency],
) -> Response[ChannelKept]:
    """Make a channel."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        row, secret = await channels.put(
            txn, actor, access.environment_id, name=data.name, target=data.target
        )
        await idempotency.finish_secret(txn, 201)
    answer = ChannelKept(_shown(row), secret or None)
    return Response(answer, status_code=201, headers={"ETag": answer.channel.etag})


@put(
    _PATH + "/{id:uuid}",
    operation_id="updateChannel",
    summary="Change a channel; a webhook gets a new signing secret",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def update_channel(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[ChannelInput],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    channels: NamedDependency[ChannelService],
) -> Response[ChannelKept]:
    """Change a channel."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        before = await channels.for_change(txn, access.environment_id, id)
        require_match(given, _tag(before))
        row, secret = await channels.put(
            txn, actor, access.environment_id, name=data.name, target=data.target, before=before
        )
    answer = ChannelKept(_shown(row), secret or None)
    return Response(answer, headers={"ETag": answer.channel.etag})


@delete(
    _PATH + "/{id:uuid}",
    operation_id="deleteChannel",
    summary="Delete a channel that no rule tells",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
)
async def delete_channel(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    request: AnyRequest,
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    channels: NamedDependency[ChannelService],
) -> None:
    """Delete a channel."""
    del org, env
    given = if_match(request)
    async with database.transaction(access.organization_id) as txn:
        row = await channels.for_change(txn, access.environment_id, id)
        require_match(given, _tag(row))
        await channels.delete(txn, actor, row)


@post(
    _PATH + "/{id:uuid}/test",
    operation_id="testChannel",
    summary="Send a message by a channel; the list tells how it went",
    tags=["alerts"],
    permission=Permission.ALERT_MANAGE,
    status_code=202,
)
async def test_channel(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    channels: NamedDependency[ChannelService],
) -> None:
    """Try a channel."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        row = await channels.for_change(txn, access.environment_id, id)
        await channels.test(txn, actor, row)


def _tag(row: ChannelRow) -> str:
    return etag("channel", row.id, row.version)


def _shown(row: ChannelRow) -> Channel:
    last = None
    if row.last_state is not None and row.last_at is not None:
        last = LastMessage(row.last_state, rfc3339(row.last_at), row.last_error)
    return Channel(
        id=row.id,
        name=row.name,
        kind=row.kind,
        shown=row.shown,
        updated_at=rfc3339(row.updated_at),
        updated_by=row.updated_by,
        last_message=last,
        etag=_tag(row),
    )


routes = [list_channels, create_channel, update_channel, delete_channel, test_channel]
