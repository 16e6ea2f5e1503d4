"""Which installed version of the agent runs, which is on trial, and what went wrong: the state of the slots.

There are three places: the agent as it was installed (its name is empty), and the slots `a` and `b`. An update
goes to the slot that does not run, so that the one just left stays whole and can be returned to.
"""

from typing import Final

import msgspec

from vectorflow_wire.releases import version_key

INSTALLED: Final = ""
SLOT_NAMES: Final = ("a", "b")
_MOST_FAILED: Final = 50


class Slot(msgspec.Struct, frozen=True):
    """What lies in a slot."""

    version: str
    digest: str


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A version that has yet to prove itself. `pipelines` ran when the trial began and must run again."""

    slot: str
    statement: str = ""
    pipelines: tuple[str, ...] = ()
    begun: bool = False
    """The supervisor has started it: found so at a start, the trial was cut off."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the last trial ended, until the agent has reported it. Without a reason it went well."""

    version: str
    digest: str
    statement: str = ""
    reason: str = ""
    message: str = ""


class Slots(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about slots that is on disk (`releases/slots.json`)."""

    current: str = INSTALLED
    held: dict[str, Slot] = {}
    trial: Trial | None = None
    outcome: Outcome | None = None
    failed: dict[str, str] = {}
    """Digests that were tried and returned from, with the reason: not tried again until a person says so."""

    def free(self) -> str:
        """The slot an update may go to."""
        return SLOT_NAMES[1] if self.current == SLOT_NAMES[0] else SLOT_NAMES[0]

    def filled(self, slot: str, version: str, digest: str) -> "Slots":
        """Another release lies in the slot."""
        return msgspec.structs.replace(self, held={**self.held, slot: Slot(version, digest)})

    def on_trial(self, trial: Trial) -> "Slots":
        """The slot is to be tried."""
        return msgspec.structs.replace(self, trial=trial, outcome=None)

    def confirmed(self) -> "Slots":
        """The trial went well: its slot is the one that runs."""
        trial = self.trial
        if trial is None:
            return self
        held = self.held[trial.slot]
        outcome = Outcome(version=held.version, digest=held.digest, statement=trial.statement)
        return msgspec.structs.replace(self, current=trial.slot, trial=None, outcome=outcome)

    def returned(self, reason: str, message: str) -> "Slots":
        """The trial did not go well: the slot just left runs again."""
        trial = self.trial
        if trial is None:
            return self
        held = self.held[trial.slot]
        outcome = Outcome(
            version=held.version,
            digest=held.digest,
            statement=trial.statement,
            reason=reason,
            message=message,
        )
        return msgspec.structs.replace(self, trial=None, outcome=outcome).with_failed(held.digest, reason)

    def earlier(self) -> tuple[str, ...]:
        """Where to go, best first, when what lies in the slot that runs is damaged."""
        other = self.free()
        held = self.held.get(other)
        return (other, INSTALLED) if held is not None and held.digest not in self.failed else (INSTALLED,)

    def left(self, to: str, reason: str, message: str) -> "Slots":
        """The slot that ran is damaged: another runs. Its release had worked, so it may come once more."""
        held = self.held[self.current]
        outcome = Outcome(version=held.version, digest=held.digest, reason=reason, message=message)
        return msgspec.structs.replace(self, current=to, trial=None, outcome=outcome)

    def with_failed(self, digest: str, reason: str) -> "Slots":
        """Remember that this release does not work here."""
        failed = {name: why for name, why in self.failed.items() if name != digest} | {digest: reason}
        return msgspec.structs.replace(self, failed=dict(list(failed.items())[-_MOST_FAILED:]))

    def told(self) -> "Slots":
        """The outcome was reported."""
        return msgspec.structs.replace(self, outcome=None)

    def to_run(self, installed: str) -> str:
        """The slot to run: a newer agent that was installed by hand outranks an older one in a slot."""
        held = self.held.get(self.current)
        if held is None or version_key(installed) > version_key(held.version):
            return INSTALLED
        return self.current
