"""Rules of channels. Works in the caller's transaction. Where a channel leads goes in and never comes out."""

import re
import secrets
from collections.abc import Sequence
from uuid import UUID

import msgspec

from vectorflow.alerts import types
from vectorflow.alerts.errors import (
    ChannelInUse,
    ChannelInvalid,
    ChannelNameTaken,
    ChannelNotFound,
    TooManyAlerts,
)
from vectorflow.alerts.store import channels as store
from vectorflow.alerts.store import incidents
from vectorflow.alerts.types import MOST_CHANNELS, ChannelRow, EmailTarget, Sealed, Target
from vectorflow.kernel.actor import Actor
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.errors import FieldError
from vectorflow.kernel.ids import new_id
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell, Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.platform.egress.destination import parse_url
from vectorflow.platform.egress.errors import DestinationInvalid, EgressRefused

NOTIFY = "alerts.notify"
_ADDRESS = re.compile(r"[^\s@<>,;:\"\\\x00-\x1f\x7f]{1,64}@[A-Za-z0-9.-]{1,190}")
_MOST_NAME = 100


class ChannelService:
    """Makes, changes, tries, lists and deletes channels."""

    def __init__(self, keys: KeyService, *, mail: bool) -> None:
        self._keys = keys
        self.mail = mail
        """Whether this installation has a mail server."""

    async def channels(self, txn: Transaction, environment_id: UUID) -> list[ChannelRow]:
        """Return an environment's channels by name."""
        return await store.channel_list(txn, environment_id)

    async def for_change(self, txn: Transaction, environment_id: UUID, channel_id: UUID) -> ChannelRow:
        """Return a channel and hold it until the transaction ends. Raises `ChannelNotFound`."""
        row = await store.channel_lock(txn, environment_id, channel_id)
        if row is None:
            raise ChannelNotFound
        return row

    async def put(
        self,
        txn: Transaction,
        actor: Actor,
        environment_id: UUID,
        *,
        name: str,
        target: Target,
        before: ChannelRow | None = None,
    ) -> tuple[ChannelRow, str]:
        """Keep a channel, new or in place of one that `for_change` returned; return it with its signing secret.

        The secret is made anew each time and is empty for mail. Raises `ChannelInvalid`, `ChannelNameTaken`,
        `TooManyAlerts` or `KeysUnavailable`.
        """
        shown = self._judged(name, target, before)
        if before is None and await store.channel_count(txn, environment_id) >= MOST_CHANNELS:
            raise TooManyAlerts
        channel_id = before.id if before else new_id()
        if name in await store.channel_names(txn, environment_id, channel_id):
            raise ChannelNameTaken
        version = before.version + 1 if before else 1
        secret = "" if isinstance(target, EmailTarget) else "whsec_" + secrets.token_urlsafe(32)
        sealed = await self._keys.seal(
            txn, target_cell(channel_id, version), msgspec.json.encode(Sealed(target, secret))
        )
        columns = store.ChannelColumns(
            name=name, shown=shown, target=sealed, version=version, updated_by=actor.name[:200]
        )
        if before is None:
            await store.channel_insert(txn, environment_id, channel_id, _kind(target), columns)
        else:
            await store.channel_update(txn, channel_id, columns)
        row = await self.for_change(txn, environment_id, channel_id)
        action = AuditAction.CHANNEL_UPDATED if before else AuditAction.CHANNEL_CREATED
        await _tell(txn, action, actor, row, f"The channel {name} was {'changed' if before else 'made'}.")
        return row, secret

    async def delete(self, txn: Transaction, actor: Actor, row: ChannelRow) -> None:
        """Delete a channel that `for_change` returned. Raises `ChannelInUse`."""
        rules = await store.channel_rules(txn, row.id)
        if rules:
            raise ChannelInUse(f"{ChannelInUse.title()} They are: {', '.join(rules[:5])}.")
        await store.channel_delete(txn, row.id)
        await _tell(txn, AuditAction.CHANNEL_DELETED, actor, row, f"The channel {row.name} was deleted.")

    async def test(self, txn: Transaction, actor: Actor, row: ChannelRow) -> None:
        """Send a message by a channel that `for_change` returned, to see whether it arrives."""
        await incidents.notification_test(txn, row.id)
        await txn.defer(NOTIFY, queueing_lock=NOTIFY)
        await _tell(txn, AuditAction.CHANNEL_TESTED, actor, row, f"The channel {row.name} was tried.")

    def _judged(self, name: str, target: Target, before: ChannelRow | None) -> str:
        problems = []
        if not 1 <= len(name.strip()) <= _MOST_NAME or name != name.strip() or not name.isprintable():
            problems.append(FieldError("name", f"use 1 to {_MOST_NAME} printable characters"))
        if before is not None and before.kind != _kind(target):
            problems.append(FieldError("target.kind", "a channel keeps its kind; make another one"))
        if isinstance(target, EmailTarget):
            shown = ", ".join(target.to)
            if not self.mail:
                message = "this installation has no mail server; whoever runs it sets VECTORFLOW_SMTP_HOST"
                problems.append(FieldError("target.kind", message))
            if any(_ADDRESS.fullmatch(each) is None for each in target.to):
                problems.append(FieldError("target.to", "use plain addresses such as oncall@example.com"))
        else:
            try:
                parsed = parse_url(target.url)
                shown = parsed.destination.host
            except (DestinationInvalid, EgressRefused) as error:
                shown = ""
                problems.append(FieldError("target.url", str(error)[:200]))
        if problems:
            raise ChannelInvalid(errors=problems)
        return shown[:1000]


class ChannelColumn:
    """Where channels lead, for rotation."""

    name = "channels.target"

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the value's cell."""
        return target_cell(sealed.id, sealed.row_version)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await store.channel_targets(txn, after, limit)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await store.channel_targets(txn, after, limit, version.to_bytes(4, "big"))

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await store.channel_target_swap(txn, values)


def target_cell(channel_id: UUID, version: int) -> Cell:
    """Return the cell that a channel's target is sealed for."""
    return Cell("alerts", "channels", "target", channel_id, version)


def _kind(target: Target) -> types.ChannelKind:
    return "email" if isinstance(target, EmailTarget) else "webhook"


async def _tell(txn: Transaction, action: AuditAction, actor: Actor, row: ChannelRow, summary: str) -> None:
    await txn.audit(
        AuditEntry(
            action=action,
            actor=actor,
            object_type="channel",
            object_id=str(row.id),
            summary=summary,
            after={"name": row.name, "kind": row.kind, "version": row.version},
        )
    )
