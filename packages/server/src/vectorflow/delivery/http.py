"""Routes of rollouts and of live events."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Stream

from vectorflow.delivery.live import LiveEvents
from vectorflow.delivery.present import rollout_node_of
from vectorflow.delivery.service import DeliveryService
from vectorflow.delivery.types import (
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_WATCH_SECONDS,
    DryRun,
    NewRollout,
    Rollout,
    RolloutList,
    RolloutNodeList,
    RolloutNodeState,
)
from vectorflow.identity.types import LiveSession
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.cursors import DEFAULT_LIMIT, Cursor, Limit, decode_cursor, page
from vectorflow.platform.http.events import event_response
from vectorflow.platform.http.idempotency import Idempotency
from vectorflow.tenancy.types import Access

_ENVIRONMENT = "/orgs/{org:str}/environments/{env:str}"
_ROLLOUT = _ENVIRONMENT + "/rollouts/{id:uuid}"

Message = Annotated[str, msgspec.Meta(max_length=2000, description="What its author says about it.")]
OfPipeline = Annotated[
    UUID | None, QueryParameter(name="pipeline", description="Only rollouts of this pipeline.")
]
InState = Annotated[
    list[RolloutNodeState] | None,
    QueryParameter(
        name="state", max_items=20, description="Only nodes in this state; may be said repeatedly."
    ),
]
InBatch = Annotated[
    int | None, QueryParameter(name="batch", ge=1, le=2**31 - 1, description="Only nodes of this batch.")
]
Topics = Annotated[
    str,
    QueryParameter(
        name="topics",
        max_length=4000,
        description="rates:<pipeline>, pipeline:<pipeline>, rollout:<rollout>, nodes:<environment>, by commas. "
        "Those that may not be known of are left out; 404 if it is all of them.",
    ),
]
Dry = Annotated[bool, QueryParameter(name="dry_run", description="Say what would happen and do nothing.")]


class RolloutNew(msgspec.Struct, forbid_unknown_fields=True):
    """A rollout to be started."""

    message: Message = ""
    revision: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        msgspec.Meta(description="Null: make a revision from the draft."),
    ] = None
    batch_size: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None,
        msgspec.Meta(description="Nodes of the first batch; later ones are three times as many."),
    ] = None
    selector: Annotated[
        Annotated[str, msgspec.Meta(max_length=1000)] | None,
        msgspec.Meta(
            description="Only nodes with these labels: env=prod, !canary. Empty: every node. Null: as it was before."
        ),
    ] = None
    group_id: Annotated[UUID | None, msgspec.Meta(description="Only nodes of this group.")] = None
    timeout_seconds: Annotated[
        float, msgspec.Meta(ge=1, le=86_400, description="Silence of a node that halts the rollout.")
    ] = DEFAULT_TIMEOUT_SECONDS
    watch_seconds: Annotated[
        float, msgspec.Meta(ge=0, le=86_400, description="How long a node must run it before it counts.")
    ] = DEFAULT_WATCH_SECONDS


class StopNew(msgspec.Struct, forbid_unknown_fields=True):
    """A pipeline to be stopped on all its nodes."""

    message: Message = ""


@post(
    _ENVIRONMENT + "/pipelines/{id:uuid}/rollouts",
    operation_id="createRollout",
    summary="Deploy a revision, or the draft, to the nodes of the environment, of a group or of a selector",
    tags=["delivery"],
    permission=Permission.PIPELINE_DEPLOY,
    status_code=202,
)
async def create_rollout(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[RolloutNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
    idempotency: NamedDependency[Idempotency],
    dry_run: Dry = False,
) -> Response[Rollout | DryRun]:
    """Start a rollout, or say what it would do."""
    del org, env
    environment_id = access.environment_id
    new = NewRollout(**msgspec.structs.asdict(data))
    async with database.transaction(access.organization_id) as txn:
        if dry_run:
            return Response(await delivery.dry_run(txn, actor, environment_id, id, new), status_code=200)
        await idempotency.begin(txn)
        rollout = await delivery.start_rollout(txn, actor, environment_id, id, new)
        await idempotency.finish(txn, 202, rollout)
    return Response(rollout, status_code=202)


@get(
    _ENVIRONMENT + "/rollouts",
    operation_id="listRollouts",
    summary="Rollouts, newest first",
    tags=["delivery"],
    permission=Permission.ROLLOUT_READ,
)
async def list_rollouts(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
    pipeline: OfPipeline = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> RolloutList:
    """List rollouts."""
    del org, env
    key = decode_cursor(cursor, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await delivery.rollouts(
            txn,
            access.environment_id,
            pipeline_id=pipeline,
            after=key[0] if key else None,
            limit=limit + 1,
        )
    items, next_cursor = page(rows, limit, lambda row: (str(row.id),))
    return RolloutList(items, next_cursor)


@get(
    _ROLLOUT,
    operation_id="getRollout",
    summary="A rollout and how many of its nodes stand where, in all and by batch",
    tags=["delivery"],
    permission=Permission.ROLLOUT_READ,
)
async def get_rollout(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
) -> Rollout:
    """Return a rollout."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        return await delivery.rollout(txn, access.environment_id, id)


@get(
    _ROLLOUT + "/nodes",
    operation_id="listRolloutNodes",
    summary="The nodes of a rollout by batch and name, with what they reported and what their engines said",
    tags=["delivery"],
    permission=Permission.ROLLOUT_READ,
)
async def list_rollout_nodes(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
    in_state: InState = None,
    in_batch: InBatch = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> RolloutNodeList:
    """List the nodes of a rollout."""
    del org, env
    key = decode_cursor(cursor, int, int, UUID)
    async with database.transaction(access.organization_id) as txn:
        rows = await delivery.rollout_nodes(
            txn,
            access.environment_id,
            id,
            states=in_state or (),
            batch=in_batch,
            after=(key[0], key[1], key[2]) if key else None,
            limit=limit + 1,
        )
    found, next_cursor = page(rows, limit, lambda row: (row.batch, row.place, str(row.node_id)))
    return RolloutNodeList([rollout_node_of(each) for each in found], next_cursor)


def _steering(verb: str, summary: str) -> Any:
    @post(
        f"{_ROLLOUT}/{verb}",
        name=f"{verb}_rollout",
        operation_id=f"{verb}Rollout",
        summary=summary,
        tags=["delivery"],
        permission=Permission.ROLLOUT_CONTROL,
        status_code=200,
    )
    async def steer(
        *,
        org: FromPath[str],
        env: FromPath[str],
        id: FromPath[UUID],
        access: NamedDependency[Access],
        actor: NamedDependency[Actor],
        database: NamedDependency[Database],
        delivery: NamedDependency[DeliveryService],
        idempotency: NamedDependency[Idempotency],
    ) -> Rollout:
        del org, env
        async with database.transaction(access.organization_id) as txn:
            await idempotency.begin(txn)
            rollout = await delivery.steer(txn, actor, access.environment_id, id, verb)
            await idempotency.finish(txn, 200, rollout)
        return rollout

    return steer


@post(
    _ROLLOUT + "/rollback",
    operation_id="rollbackRollout",
    summary="Deploy again what was deployed before this rollout",
    tags=["delivery"],
    permission=Permission.PIPELINE_DEPLOY,
    status_code=202,
)
async def rollback_rollout(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
    idempotency: NamedDependency[Idempotency],
) -> Rollout:
    """Start a rollout of the revision before."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        rollout = await delivery.rollback(txn, actor, access.environment_id, id)
        await idempotency.finish(txn, 202, rollout)
    return rollout


@post(
    _ENVIRONMENT + "/pipelines/{id:uuid}/stop",
    operation_id="stopPipeline",
    summary="Stop a pipeline on all its nodes",
    tags=["delivery"],
    permission=Permission.PIPELINE_DEPLOY,
    status_code=202,
)
async def stop_pipeline(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    data: JSONBody[StopNew],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    delivery: NamedDependency[DeliveryService],
    idempotency: NamedDependency[Idempotency],
) -> None:
    """Stop a pipeline."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await idempotency.begin(txn)
        await delivery.stop(txn, actor, access.environment_id, id, data.message)
        await idempotency.finish(txn, 202)


@get(
    "/orgs/{org:str}/events",
    operation_id="streamEvents",
    summary="Live events: server-sent, permission asked per topic and event",
    tags=["live"],
    permission=Permission.ORGANIZATION_READ,
    media_type="text/event-stream",
)
async def stream_events(
    *,
    org: FromPath[str],
    access: NamedDependency[Access],
    session: NamedDependency[LiveSession],
    live: NamedDependency[LiveEvents],
    topics: Topics,
) -> Stream:
    """Open a stream of events."""
    del org
    wanted = tuple(topic.strip() for topic in topics.split(",") if topic.strip())
    return event_response(await live.open(session.id, access, wanted))


routes = [
    create_rollout,
    list_rollouts,
    get_rollout,
    list_rollout_nodes,
    _steering("pause", "Start no further batch until it is resumed"),
    _steering("resume", "Go on with a paused rollout"),
    _steering("cancel", "End a rollout; nodes that have moved keep what they run"),
    rollback_rollout,
    stop_pipeline,
    stream_events,
]
