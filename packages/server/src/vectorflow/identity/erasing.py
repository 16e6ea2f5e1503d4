"""Erasing a person: out of every organisation first, then name, address and password of the account itself.

The logs name people by their account's id alone, so every chain stays as it is.
"""

from uuid import UUID

import structlog

from vectorflow.audit.service import append_platform
from vectorflow.identity import store
from vectorflow.identity.errors import AccountNotFoundError, OnlyOwnerError
from vectorflow.identity.service import attempt_key, normalize_email
from vectorflow.identity.types import Erased, ForgottenIn
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.events import Topic
from vectorflow.platform.database import Database

log = structlog.get_logger()


class PersonEraser:
    """Erases people; `database` is of the role operator, which sees neither names nor addresses by it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def erase(self, email: str, actor: Actor) -> Erased:
        """Erase whoever has this address. Can be interrupted and run again.

        Raises `AccountNotFoundError`, and `OnlyOwnerError` before anything is done.
        """
        email = normalize_email(email)
        async with self._database.unscoped() as txn:
            account = await store.account_to_erase(txn, email)
            organizations = await store.organization_ids(txn)
        if account is None:
            raise AccountNotFoundError
        if account.alone:
            message = f"{OnlyOwnerError.title()} They are: {', '.join(account.alone)}."
            raise OnlyOwnerError(message)
        found = [await self._forget(each, account.id, actor) for each in organizations]
        erased = Erased(account.id, sum(each.known for each in found), sum(each.places for each in found))
        async with self._database.unscoped() as txn:
            for session_id in await store.account_erase(txn, account.id, attempt_key("account", email)):
                await txn.notify(Topic.SESSION, {"session_id": session_id})
            await append_platform(txn, _entry(erased, actor))
        log.info("account.erased", account_id=str(account.id), organizations=erased.organizations)
        return erased

    async def _forget(self, organization_id: UUID, account_id: UUID, actor: Actor) -> ForgottenIn:
        async with self._database.transaction(organization_id) as txn:
            found = await store.person_erase(txn, account_id)
            if found.known:
                await txn.audit(_entry(Erased(account_id, 1, found.places), actor))
                await txn.notify(Topic.MEMBERSHIP, {"account_id": account_id})
        return found


def _entry(erased: Erased, actor: Actor) -> AuditEntry:
    return AuditEntry(
        action=AuditAction.ACCOUNT_ERASED,
        actor=actor,
        object_type="account",
        object_id=str(erased.account_id),
        summary="An account was erased: nothing here tells any more who it was.",
        after={"organizations": erased.organizations, "places": erased.places},
    )
