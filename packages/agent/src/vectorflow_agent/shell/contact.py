"""When the control plane was last heard, on disk: authenticated with the sealing key, so that nobody without it writes one.

Without a limit in the bundle nothing is written, and nothing here has an effect.
"""

import asyncio
import logging
import time
from pathlib import Path
from typing import Final

import msgspec
import psutil

from vectorflow_agent.core.offline import (
    Contact,
    Moment,
    Standing,
    heard,
    noted,
    standing,
)
from vectorflow_agent.shell.disk import Layout, read_optional, write_atomic
from vectorflow_agent.shell.sealing_keys import SealingKeys
from vectorflow_wire.bundles import Bundle

_log = logging.getLogger(__name__)
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_UNKNOWN_LIMIT_MS: Final = 3_600_000


class _Stored(msgspec.Struct, frozen=True):
    contact: msgspec.Raw
    key: str
    code: str


def moment_now() -> Moment:
    """This moment by the machine's clocks."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return Moment(
        wall=time.time_ns() // 1_000_000, boot=_boot(), uptime=time.clock_gettime_ns(clock) // 1_000_000
    )


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return f"{psutil.boot_time():.0f}"


def contact_read(layout: Layout) -> tuple[Contact, bytes, str, str] | None:
    """What is stored, believed or not: the record, the bytes that are authenticated, key and code."""
    stored = read_optional(layout.contact)
    if stored is None:
        return None
    try:
        outer = msgspec.json.decode(stored, type=_Stored)
        return msgspec.json.decode(outer.contact, type=Contact), bytes(outer.contact), outer.key, outer.code
    except msgspec.MsgspecError:
        return None


class ContactBook:
    """Knows what holds for secrets now. One for each agent."""

    def __init__(self, layout: Layout, sealing: SealingKeys) -> None:
        self._layout = layout
        self._sealing = sealing
        self._contact: Contact | None = None
        self._unproven: Contact | None = None
        self._written = 0
        self.changed = asyncio.Event()
        """Set when a bundle counted: it may have another limit."""

    async def load(self, bundle: Bundle | None) -> None:
        """Read what was noted; `bundle` is the stored one, if it can be believed."""
        found = await asyncio.to_thread(contact_read, self._layout)
        moment = moment_now()
        if found is not None and self._sealing.marked(*found[1:]):
            await self._note(noted(found[0], moment, start=True))
        elif found is not None or self._layout.contact.exists() or (bundle and bundle.max_offline_seconds):
            # Removed, damaged or made elsewhere: from now on the time counts at most once more.
            _log.error("%s is missing or was not written by this agent", self._layout.contact)
            limit = bundle.max_offline_seconds * 1000 if bundle else 0
            self._unproven = Contact(
                node=bundle.node if bundle else "",
                order=bundle.order if bundle else (0, 0),
                limit=limit or _UNKNOWN_LIMIT_MS,
                at=moment.wall,
                seen=moment.wall,
                boot=moment.boot,
                uptime=moment.uptime,
                heard_in=moment.boot,
            )

    @property
    def contact(self) -> Contact | None:
        """The last word; None when there is no limit."""
        return self._contact

    @property
    def standing(self) -> str:
        """What holds for secrets now, one of `Standing`."""
        held = self._contact or self._unproven
        if held is None:
            return Standing.FREE
        found = standing(held, moment_now())
        return Standing.UNPROVEN if self._contact is None and found != Standing.OVER else found

    @property
    def may_open(self) -> bool:
        """Whether secrets may be opened for an engine that starts."""
        return self.standing not in {Standing.UNPROVEN, Standing.OVER}

    @property
    def over(self) -> bool:
        """Whether secrets have to be removed."""
        return self.standing == Standing.OVER

    def least(self, node: str) -> tuple[int, int] | None:
        """The lowest order that a bundle may have, for when the bundle itself is removed."""
        held = self._contact
        return held.order if held is not None and held.node == node else None

    def least_keys(self, node: str) -> int:
        """The lowest version that the list of keys may have, for when the bundle it came with is removed."""
        held = self._contact
        return held.keys if held is not None and held.node == node else 0

    async def heard(self, bundle: Bundle, keys: int) -> None:
        """A verified bundle came, with a list of keys of this version.

        It counts when it is one that was never had before. A newer list with it is noted in any case.
        """
        if self._contact is not None and self._contact.node == bundle.node and keys > self._contact.keys:
            self._contact = msgspec.structs.replace(self._contact, keys=keys)
            await self._note(self._contact)
        held = self._contact or self._unproven
        if held is not None and held.node == bundle.node and bundle.order <= held.order:
            return
        self._unproven = None
        self.changed.set()
        if bundle.max_offline_seconds <= 0:
            self._contact = None
            await asyncio.to_thread(self._layout.contact.unlink, missing_ok=True)
            return
        # Before the bundle itself is kept: one on disk without this would count as tampered with.
        await self._note(heard(bundle, moment_now(), keys))

    async def tick(self) -> None:
        """Note the time, about once a minute."""
        if self._contact is not None:
            contact = noted(self._contact, moment_now())
            if contact.seen - self._written >= contact.note_every:
                await self._note(contact)

    async def _note(self, contact: Contact) -> None:
        self._contact, self._written = contact, contact.seen
        data = msgspec.json.encode(contact)
        key, code = self._sealing.mark(data)
        stored = msgspec.json.encode(_Stored(msgspec.Raw(data), key, code))
        try:
            await asyncio.to_thread(write_atomic, self._layout.contact, stored)
        except OSError as error:
            # Kept in memory: after a restart the older note counts, which gives less time, never more.
            _log.error("%s cannot be written: %s", self._layout.contact, error.strerror)
