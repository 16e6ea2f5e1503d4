"""How long secrets stay on a node that has no word of its control plane. Pure.

An organisation may limit it (`Bundle.max_offline_seconds`). What counts as a word is a signed bundle that this node never
had before: an answer that anybody could give, such as "unchanged", does not. Within the boot that had the word the time is
measured by the machine's own uptime alone, so that no clock that is set means anything. After another boot it is the latest
time ever seen and what has passed since by uptime, or by the clock where that is more: a clock that is set back gains nothing.
"""

from typing import Final

import msgspec

from vectorflow_wire.bundles import Bundle, BundlePipeline, DesiredState

WITHHELD: Final = "secrets are withheld: this node has had no word of its control plane for too long"
_LONGEST_NOTE_MS: Final = 60_000


class Standing:
    """What holds for secrets now."""

    FREE: Final = "free"
    """There is no limit."""
    FRESH: Final = "fresh"
    HALF: Final = "half"
    """Half of the time has passed; somebody should look."""
    UNPROVEN: Final = "unproven"
    """There is a limit, but no record of the last word that can be believed: what runs goes on, nothing is opened."""
    OVER: Final = "over"
    """Secrets are removed, and what uses them is stopped."""


class Moment(msgspec.Struct, frozen=True):
    """A moment by this machine's clocks: epoch ms, the boot's id, ms since it (sleep counted)."""

    wall: int
    boot: str
    uptime: int


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """The last word of the control plane. `at` and `seen`, the latest time that was ever seen, are epoch ms."""

    node: str
    order: tuple[int, int]
    limit: int
    """Milliseconds."""
    at: int
    seen: int
    boot: str
    uptime: int
    heard_in: str = ""
    """The boot that had the word; empty in records of agents that did not note it."""
    keys: int = 0
    """The version of the list of keys that was held then: the bundle that brought it may be removed, and no older list is
    taken for that."""

    @property
    def note_every(self) -> int:
        """How often the time is noted. Each start of the agent counts as that much, else one who switches the machine
        off before would gain it."""
        return min(_LONGEST_NOTE_MS, self.limit // 20)

    @property
    def half_at(self) -> int:
        """When half of the time has passed."""
        return self.at + self.limit // 2

    @property
    def over_at(self) -> int:
        """When secrets are removed."""
        return self.at + self.limit


def heard(bundle: Bundle, moment: Moment, keys: int = 0) -> Contact:
    """Return the record of a bundle that was never had before; `keys` is the version of the list of keys beside it.

    Its own time is the least that it can be: a clock that is only put right after the boot ends nothing.
    """
    now = max(moment.wall, bundle.issued_at)
    return Contact(
        node=bundle.node,
        order=bundle.order,
        limit=bundle.max_offline_seconds * 1000,
        at=now,
        seen=now,
        boot=moment.boot,
        uptime=moment.uptime,
        heard_in=moment.boot,
        keys=keys,
    )


def now_by(contact: Contact, moment: Moment) -> int:
    """Return the time as it must be at least, epoch ms, whatever the clock says."""
    passed = max(0, moment.uptime - contact.uptime) if moment.boot == contact.boot else 0
    counted = contact.seen + passed
    # How long the machine was off only the clock can tell, and that may be put right long after the boot.
    return counted if moment.boot == contact.heard_in else max(moment.wall, counted)


def noted(contact: Contact, moment: Moment, *, start: bool = False) -> Contact:
    """Return the record with the present time in it; `start`: the agent has just been started."""
    now = now_by(contact, moment) + (contact.note_every if start else 0)
    return msgspec.structs.replace(contact, seen=now, boot=moment.boot, uptime=moment.uptime)


def without_secrets(spec: BundlePipeline) -> BundlePipeline:
    """Return the order to stop what uses secrets; it holds none itself."""
    return msgspec.structs.replace(spec, state=DesiredState.STOP, reason=WITHHELD, secrets=())


def standing(contact: Contact, moment: Moment) -> str:
    """Return what holds for secrets, one of `Standing`."""
    now = now_by(contact, moment)
    if now >= contact.over_at:
        return Standing.OVER
    return Standing.HALF if now >= contact.half_at else Standing.FRESH
