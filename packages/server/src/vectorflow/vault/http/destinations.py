"""Routes of where secrets may go: what was approved, what waits, approving and taking back."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.clock import rfc3339
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Database
from vectorflow.platform.http.times import Instant
from vectorflow.tenancy.types import Access
from vectorflow.vault.http.common import ENVIRONMENT, PlaceGiven, places_of
from vectorflow.vault.service import VaultService
from vectorflow.vault.types import Approval, ApprovedHow, Waiting

_PATH = ENVIRONMENT + "/secret-destinations"


class ApprovedPlace(msgspec.Struct):
    """Where a secret may go, who said so, and how: by its first use, by entering the value, as a second person."""

    id: UUID
    secret: str
    component_type: str
    option_path: str
    destination: str
    approved_how: ApprovedHow
    approved_by: str
    approved_at: Instant


class WaitingPlace(msgspec.Struct):
    """Where a draft wants to send a secret. `yours` tells that you had a hand in it and cannot approve it."""

    secret: str
    component_type: str
    option_path: str
    destination: str
    pipeline_id: UUID
    pipeline_name: str
    yours: bool


class Destinations(msgspec.Struct):
    """The places of one secret."""

    approved: list[ApprovedPlace]
    waiting: list[WaitingPlace]


@get(
    _PATH,
    operation_id="listSecretDestinations",
    summary="Where a secret may go, and what waits for approval",
    tags=["secrets"],
    permission=Permission.SECRET_READ,
)
async def list_destinations(
    *,
    org: FromPath[str],
    env: FromPath[str],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
    secret: Annotated[
        str, QueryParameter(description="The secret's name, or `var.<name>` for a sensitive variable.")
    ],
) -> Destinations:
    """List the places of a secret."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        approved, waiting = await vault.places.list(txn, access.environment_id, [secret[:80]])
    return Destinations(
        [_approved(each) for each in approved], [_waiting(each, access.account_id) for each in waiting]
    )


@post(
    _PATH,
    operation_id="approveSecretDestination",
    summary="Approve a place as somebody who had no hand in it",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
    status_code=204,
)
async def approve_destination(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[PlaceGiven],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> None:
    """Approve a place."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await vault.places.approve(txn, actor, access.environment_id, places_of([data])[0])


@delete(
    _PATH + "/{id:uuid}",
    operation_id="revokeSecretDestination",
    summary="Take an approval back",
    tags=["secrets"],
    permission=Permission.SECRET_WRITE,
)
async def revoke_destination(
    *,
    org: FromPath[str],
    env: FromPath[str],
    id: FromPath[UUID],
    access: NamedDependency[Access],
    actor: NamedDependency[Actor],
    database: NamedDependency[Database],
    vault: NamedDependency[VaultService],
) -> None:
    """Take an approval back; what runs goes on."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        await vault.places.revoke(txn, actor, access.environment_id, id)


def _approved(each: Approval) -> ApprovedPlace:
    return ApprovedPlace(
        id=each.id,
        secret=each.secret_name,
        component_type=each.component_type,
        option_path=each.option_path,
        destination=each.destination,
        approved_how=each.approved_how,
        approved_by=each.approved_by,
        approved_at=rfc3339(each.approved_at),
    )


def _waiting(each: Waiting, account_id: UUID) -> WaitingPlace:
    return WaitingPlace(
        secret=each.secret_name,
        component_type=each.component_type,
        option_path=each.option_path,
        destination=each.destination,
        pipeline_id=each.pipeline_id,
        pipeline_name=each.pipeline_name,
        yours=account_id in each.changed_by,
    )


routes = [list_destinations, approve_destination, revoke_destination]
