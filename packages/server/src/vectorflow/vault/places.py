"""Rules of where a secret may go: limits, first use, and the approval of a changed destination."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from uuid import UUID

from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.ids import new_id
from vectorflow.kernel.permissions import Permission
from vectorflow.platform.database import Transaction
from vectorflow.vault.errors import ApprovalNotFound, PlaceNotAsked, SecondPersonNeeded
from vectorflow.vault.store import secrets, uses, variables
from vectorflow.vault.types import (
    Approval,
    ApprovedHow,
    Limits,
    PipelineUses,
    Place,
    Refusal,
    Waiting,
)
from vectorflow_topology.destinations import SecretUse as PlacedUse
from vectorflow_topology.destinations import hosts_of

_PRIVATE_KEY = "key."  # it stays with the component: it is no credential that is sent anywhere


class SecretPlaces:
    """Decides whether a document may use secrets as it does.

    A secret without any approval is new: whoever may write and use secrets approves its places by
    deploying them. From then on each new place needs the value to be entered again, or the approval of
    somebody who had no hand in it.
    """

    async def refusals(
        self, txn: Transaction, environment_id: UUID, used: Sequence[PlacedUse], actor: Actor
    ) -> list[Refusal]:
        """Return why uses may not be deployed by the actor; changes nothing."""
        judged = [use for use in used if not use.secret.startswith(_PRIVATE_KEY)]
        names = sorted({use.secret for use in judged})
        if not names:
            return []
        limits = {
            row.name: Limits(types=row.allowed_types, paths=row.allowed_paths, hosts=row.allowed_hosts)
            for row in await secrets.secret_limits(txn, environment_id, names)
        }
        approved = await uses.place_list(txn, environment_id, names)
        allowed = {each.place for each in approved}
        known = {each.secret_name for each in approved}
        found = [_limited(use, limits.get(use.secret, Limits())) for use in judged]
        found += [
            _unapproved(use, first=use.secret not in known)
            for use in judged
            if place_of(use) not in allowed and not (use.secret not in known and may_approve(actor))
        ]
        return [refusal for refusal in found if refusal is not None]

    async def admit(
        self, txn: Transaction, environment_id: UUID, used: Sequence[PlacedUse], actor: Actor
    ) -> None:
        """Approve the places of secrets that are used for the first time; `refusals` must be empty."""
        judged = [use for use in used if not use.secret.startswith(_PRIVATE_KEY)]
        names = sorted({use.secret for use in judged})
        known = {each.secret_name for each in await uses.place_list(txn, environment_id, names)}
        places = sorted({_key(place_of(use)) for use in judged if use.secret not in known})
        for key in places:
            await self._approve(txn, environment_id, Place(*key), "first-use", actor)

    async def list(
        self, txn: Transaction, environment_id: UUID, names: Sequence[str]
    ) -> tuple[list[Approval], list[Waiting]]:
        """Return where secrets may go, and the places of drafts that wait for an approval."""
        return (
            await uses.place_list(txn, environment_id, names),
            await uses.waiting_list(txn, environment_id, names),
        )

    async def approve(
        self, txn: Transaction, actor: Actor, environment_id: UUID, place: Place
    ) -> Approval | None:
        """Approve a place as a person who had no hand in it. Raises `PlaceNotAsked` or `SecondPersonNeeded`."""
        waiting = await uses.waiting_list(txn, environment_id, [place.secret])
        asked = [each for each in waiting if _key(_waiting_place(each)) == _key(place)]
        if not asked:
            raise PlaceNotAsked
        if actor.account_id is None or any(actor.account_id in each.changed_by for each in asked):
            raise SecondPersonNeeded
        return await self._approve(txn, environment_id, place, "second-person", actor)

    async def approve_by_value(
        self, txn: Transaction, actor: Actor, environment_id: UUID, name: str, places: Iterable[Place]
    ) -> None:
        """Approve places by entering the secret's value in the same transaction. Raises `PlaceNotAsked`."""
        waiting = {
            _key(_waiting_place(each)) for each in await uses.waiting_list(txn, environment_id, [name])
        }
        for place in places:
            if place.secret != name or _key(place) not in waiting:
                raise PlaceNotAsked
            await self._approve(txn, environment_id, place, "re-entry", actor)

    async def revoke(self, txn: Transaction, actor: Actor, environment_id: UUID, place_id: UUID) -> None:
        """Take an approval back; what runs goes on, what is deployed next needs another. Raises `ApprovalNotFound`."""
        gone = await uses.place_delete(txn, environment_id, place_id)
        if gone is None:
            raise ApprovalNotFound
        summary = f"The secret {gone.secret_name} may no longer go to {_where(gone.place)}."
        await txn.audit(_entry(AuditAction.SECRET_DESTINATION_REVOKED, actor, gone.place, summary))

    async def record(
        self, txn: Transaction, environment_id: UUID, pipeline: PipelineUses, actor: Actor
    ) -> None:
        """Write down where a draft sends secrets, and who had a hand in each place.

        Whoever saves a draft in which a place is new has; so has whoever changed a variable of its
        components last.
        """
        before = {
            _key(Place(each.secret, each.component_type, each.option_path, each.destination)): each
            for each in await uses.draft_place_take(txn, pipeline.pipeline_id)
        }
        hands = await self._hands(txn, environment_id, pipeline)
        for key in sorted({_key(place_of(use)) for use in pipeline.places}):
            if key[0].startswith(_PRIVATE_KEY):
                continue
            old = before.get(key)
            people = set(old.changed_by) if old else ({actor.account_id} if actor.account_id else set())
            await uses.draft_place_insert(
                txn,
                environment_id,
                pipeline.pipeline_id,
                Place(*key),
                pipeline_name=pipeline.pipeline_name,
                changed_by=sorted(people | hands, key=str),
            )

    async def _hands(self, txn: Transaction, environment_id: UUID, pipeline: PipelineUses) -> set[UUID]:
        if not pipeline.places or not pipeline.variables:
            return set()
        found = await variables.variable_of_names(txn, environment_id, sorted(pipeline.variables))
        return {each.updated_by_id for each in found if each.updated_by_id is not None}

    async def _approve(
        self, txn: Transaction, environment_id: UUID, place: Place, how: ApprovedHow, actor: Actor
    ) -> Approval | None:
        made = await uses.place_insert(txn, environment_id, new_id(), place, how=how, actor=actor)
        if made is not None:
            words = {
                "first-use": "its first use",
                "re-entry": "entering its value",
                "second-person": "approval",
            }
            summary = f"The secret {place.secret} may go to {_where(place)}, by {words[how]}."
            await txn.audit(_entry(AuditAction.SECRET_DESTINATION_APPROVED, actor, place, summary))
        return made


def may_approve(actor: Actor) -> bool:
    """Tell whether an actor may decide where a secret goes."""
    return actor.may(Permission.SECRET_WRITE) and actor.may(Permission.SECRET_USE)


def place_of(use: PlacedUse) -> Place:
    """Return the place of a use."""
    return Place(use.secret, use.component_type, use.path, use.destination)


def _key(place: Place) -> tuple[str, str, str, str]:
    return place.secret, place.component_type, place.option_path, place.destination


def _waiting_place(each: Waiting) -> Place:
    return Place(each.secret_name, each.component_type, each.option_path, each.destination)


def _limited(use: PlacedUse, limits: Limits) -> Refusal | None:
    if limits.types and use.component_type not in limits.types:
        kind = use.component_type.replace(":", " of type ")
        return Refusal(
            use, "secret.type-not-allowed", f"The secret {use.secret} may not be used by a {kind}."
        )
    if limits.paths and not any(fnmatchcase(use.path, _literal(pattern)) for pattern in limits.paths):
        message = f"The secret {use.secret} may not stand in {use.path}."
        return Refusal(use, "secret.option-not-allowed", message)
    hosts = hosts_of(use.destination)
    if limits.hosts:
        strange = [
            host for host in hosts if not any(fnmatchcase(host, each.lower()) for each in limits.hosts)
        ]
        if strange or not hosts:
            where = f"the host {strange[0]}" if strange else "a component that names no host"
            message = f"The secret {use.secret} may not be sent to {where}."
            return Refusal(use, "secret.host-not-allowed", message)
    return None


def _literal(pattern: str) -> str:
    return pattern.replace("[", "[[]")  # [] stands for an item of a list, not for a set of letters


def _unapproved(use: PlacedUse, *, first: bool) -> Refusal:
    where = _where(place_of(use))
    if first:
        message = (
            f"Nobody has approved yet that the secret {use.secret} goes to {where}. "
            "Somebody who may write secrets must deploy it first, or approve it."
        )
    else:
        message = (
            f"The secret {use.secret} would go to {where}, which nobody approved. "
            "Enter its value again, or have somebody approve it who did not change this."
        )
    fix = {
        "action": "approve_destination",
        "secret": use.secret,
        "component_type": use.component_type,
        "option_path": use.path,
        "destination": use.destination,
    }
    return Refusal(use, "secret.destination-changed", message, fix)


def _where(place: Place) -> str:
    host = place.destination or "no named host"
    return f"{host} ({place.component_type.replace(':', ' ')}, {place.option_path})"[:600]


def _entry(action: AuditAction, actor: Actor, place: Place, summary: str) -> AuditEntry:
    return AuditEntry(
        action=action,
        actor=actor,
        object_type="secret",
        object_id=place.secret,
        summary=summary[:1000],
        after={
            "name": place.secret,
            "component_type": place.component_type,
            "option": place.option_path,
            "destination": place.destination,
        },
    )
