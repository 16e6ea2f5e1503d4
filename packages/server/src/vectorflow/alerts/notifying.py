"""Sending what is in the outbox: at least once, with pauses that grow, and an end."""

import random
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from vectorflow.alerts import messages
from vectorflow.alerts.channels import target_cell
from vectorflow.alerts.store import incidents as store
from vectorflow.alerts.types import DeliveryState, Due, EmailTarget, Sealed, WebhookTarget
from vectorflow.kernel.clock import Clock
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys.errors import SealBroken
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Database
from vectorflow.platform.egress.errors import DestinationInvalid, EgressRefused
from vectorflow.platform.egress.http_message import HttpRequest
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.mail import Mail

log = structlog.get_logger()

MOST_ATTEMPTS = 10
MOST_AT_ONCE = 100
LEASE_SECONDS = 120.0
_FIRST_PAUSE = 15.0
_LONGEST_PAUSE = 3600.0
_SENT = range(200, 300)


class NotSent(Exception):
    """The message did not arrive; the message says why, without where it was to go."""


class Notifier:
    """Sends the messages of one organisation at a time. Runs with the role worker."""

    def __init__(
        self,
        database: Database,
        keys: KeyService,
        egress: Egress,
        clock: Clock,
        *,
        mail: Mail | None,
        page: str | None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._keys = keys
        self._egress = egress
        self._clock = clock
        self._mail = mail
        self._page = page.rstrip("/") if page else None
        self._jitter = jitter

    async def send_all(self, organization_id: UUID) -> int:
        """Send what is due; return how many messages went out."""
        sent = 0
        for _ in range(MOST_AT_ONCE):
            async with self._database.transaction(organization_id) as txn:
                notification_id = await store.notification_take(txn, LEASE_SECONDS)
            if notification_id is None:
                break
            sent += await self._send(organization_id, notification_id)
        return sent

    async def _send(self, organization_id: UUID, notification_id: UUID) -> bool:
        problem, final = "", False
        due: Due | None = None
        try:
            async with self._database.transaction(organization_id) as txn:
                await self._keys.hold(txn)
                due = await store.notification_due(txn, notification_id)
                if due is None:  # its channel was deleted meanwhile
                    return False
                cell = target_cell(due.channel_id, due.channel_version)
                sealed = msgspec.json.decode(await self._keys.unseal(txn, cell, due.target), type=Sealed)
            await self._deliver(organization_id, due, sealed)
        except (NotSent, VectorFlowError) as error:
            problem = str(error)
            final = isinstance(error, EgressRefused | DestinationInvalid | SealBroken)
        await self._note(organization_id, notification_id, due, problem, final=final)
        return not problem

    async def _deliver(self, organization_id: UUID, due: Due, sealed: Sealed) -> None:
        now = self._clock.now()
        match sealed.target:
            case EmailTarget(to=to):
                if self._mail is None:
                    raise NotSent("This installation has no mail server.")
                message = messages.email(due, sender=self._mail.sender, to=to, page=self._page, at=now)
                refused = await self._mail.send(message, to, organization_id)
                if refused:
                    raise NotSent(f"The mail server refused {len(refused)} of {len(to)} recipients.")
            case WebhookTarget(url=url):
                body = messages.webhook_body(due, self._page, now)
                headers = messages.webhook_headers(due.id, body, sealed.secret, int(now.timestamp()))
                async with self._egress.http(Caller("alerts.webhook", organization_id)) as client:
                    answer = await client.request(
                        HttpRequest(url=url, method="POST", headers=headers, body=body)
                    )
                if answer.status not in _SENT:
                    raise NotSent(f"The receiver answered {answer.status}.")

    async def _note(
        self, organization_id: UUID, notification_id: UUID, due: Due | None, problem: str, *, final: bool
    ) -> None:
        attempts = due.attempts if due is not None else 1
        state: DeliveryState = "sent"
        if problem:
            state = "failed" if final or attempts >= MOST_ATTEMPTS else "waiting"
        pause = min(_FIRST_PAUSE * 2 ** (attempts - 1), _LONGEST_PAUSE) * (0.75 + 0.5 * self._jitter())
        next_at = self._clock.now() + timedelta(seconds=pause) if state == "waiting" else None
        if problem:
            log.warning("alerts.not-sent", id=str(notification_id), attempts=attempts, state=state)
        async with self._database.transaction(organization_id) as txn:
            await store.notification_done(txn, notification_id, state, error=problem, next_at=next_at)
