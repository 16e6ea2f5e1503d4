"""Which events of a tap are sent, and how much of each: conditions, a rate, a size."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from vectorflow_agent.core.engine_events import EngineEvent
from vectorflow_agent.core.event_redaction import Redactor
from vectorflow_wire.taps import TapCondition, TapEvent, TapOperator

MOST_TEXT: Final = 8 * 1024
MOST_EVENT_BYTES: Final = 64 * 1024
_MARGIN: Final = 1024
_SHORT_NAME: Final = 128
_SHORT_LIST: Final = 200
_MISSING: Final = object()
_OPERATORS: Final = frozenset(
    value for name, value in vars(TapOperator).items() if name.isupper() and isinstance(value, str)
) - {TapOperator.VRL}


class RulesInvalid(ValueError):
    """A condition that this agent cannot judge; says which."""


class Shortener:
    """Cuts texts and says that it did. What comes after the cut is kept a little longer for the redaction,
    so that a secret across the cut is still recognised."""

    def __init__(self) -> None:
        self.cut = False

    def roughly(self, text: str) -> str:
        """A text that is not much longer than allowed."""
        if len(text) <= MOST_TEXT + _MARGIN:
            return text
        self.cut = True
        return text[: MOST_TEXT + _MARGIN]

    def exactly(self, value: Any) -> Any:
        """The same value with every text as long as allowed, with a mark where it was cut."""
        if isinstance(value, str):
            if len(value) <= MOST_TEXT:
                return value
            self.cut = True
            return value[:MOST_TEXT] + "[cut]"
        if isinstance(value, dict):
            return {self.exactly(name): self.exactly(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.exactly(inner) for inner in value]
        return value


class TapRules:
    """What one tap lets through. One object per tap: it remembers the rate."""

    def __init__(
        self, where: Sequence[TapCondition], *, per_second: float, redactor: Redactor, now: float
    ) -> None:
        """`now` is of a monotonic clock, in seconds. Raises RulesInvalid."""
        for condition in where:
            if condition.operator not in _OPERATORS:
                raise RulesInvalid(f"{condition.operator[:20]!r} is no operator that this agent knows")
        self._where = [(_parts(each.path), each) for each in where]
        self._redactor = redactor
        self._per_second = max(0.1, per_second)
        self._room = max(1.0, self._per_second)
        self._at = now
        self.matched = 0
        self.dropped = 0

    def judge(self, found: EngineEvent, now: float) -> tuple[Any, bool, int] | None:
        """The event as it may be sent, whether it was cut, and how many values were replaced; or None.

        The order matters: conditions see what the requester sees, so that nobody can guess what was replaced.
        """
        if not self.holds(found) or not self.admit(now):
            return None
        return self.shown(found)

    def holds(self, found: EngineEvent) -> bool:
        """Whether an event fulfils all conditions."""
        return all(_holds(self._shown(found.event, path), condition) for path, condition in self._where)

    def admit(self, now: float) -> bool:
        """Count an event that fulfils all conditions; whether the rate lets it pass."""
        self.matched += 1
        if not self._admits(now):
            self.dropped += 1
            return False
        self._room -= 1
        return True

    def shown(self, found: EngineEvent) -> tuple[Any, bool, int]:
        """The event as it may be sent, whether it was cut, and how many values were replaced."""
        before, shortener = self._redactor.replaced, Shortener()
        event = shortener.exactly(self._redactor.event(found.event, shortener.roughly))
        return event, shortener.cut, self._redactor.replaced - before

    def _shown(self, value: Any, path: tuple[str, ...]) -> Any:
        """What the requester would see at a path, so that only that part has to be redacted to judge an event."""
        for position, part in enumerate(path):
            if isinstance(value, dict):
                whole = ".".join(path[position:])
                if whole in value:  # a name with dots in it, as many agents write them
                    return self._beneath(value, whole)
                value = self._beneath(value, part) if position == len(path) - 1 else self._inner(value, part)
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                return _MISSING
        return self._redactor.event(value, Shortener().roughly) if value is not _MISSING else _MISSING

    def _inner(self, value: dict[str, Any], name: str) -> Any:
        """The value under a name on the way; what is under a telling name does not exist for the requester."""
        return _MISSING if self._redactor.hides(name) else value.get(name, _MISSING)

    def _beneath(self, value: dict[str, Any], name: str) -> Any:
        """The value under the last name, as it is shown."""
        inner = value.get(name, _MISSING)
        if inner is _MISSING:
            return _MISSING
        return self._redactor.event({name: inner}, Shortener().roughly).get(name, _MISSING)

    def _admits(self, now: float) -> bool:
        self._room = min(max(1.0, self._per_second), self._room + (now - self._at) * self._per_second)
        self._at = now
        return self._room >= 1


def tap_event(found: EngineEvent, port: str, at: int, judged: tuple[Any, bool, int]) -> TapEvent:
    """The event as it goes over the wire; one that is still too large keeps only the names of its fields."""
    event, cut, redacted = judged
    text = msgspec.json.encode(event)
    if len(text) > MOST_EVENT_BYTES:
        cut = True
        names = [name[:_SHORT_NAME] for name in list(event)[:_SHORT_LIST]]
        text = msgspec.json.encode(dict.fromkeys(names, "[cut]"))
    return TapEvent(
        at=at,
        component=found.component[:128],
        port=port,
        kind=found.kind,
        event=msgspec.Raw(text),
        cut=cut,
        binary=found.binary,
        redacted=redacted,
    )


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.lstrip(".").split(".") if part)


def _holds(value: Any, condition: TapCondition) -> bool:
    match condition.operator:
        case TapOperator.EXISTS:
            return value is not _MISSING
        case TapOperator.MISSING:
            return value is _MISSING
        case TapOperator.DIFFERS:
            return value is _MISSING or _text(value) != condition.value
        case _ if value is _MISSING:
            return False
        case TapOperator.EQUALS:
            return _text(value) == condition.value
        case TapOperator.CONTAINS:
            return condition.value in _text(value)
    return _compared(value, condition)


def _compared(value: Any, condition: TapCondition) -> bool:
    try:
        left, right = float(value), float(condition.value)
    except (TypeError, ValueError):
        return False
    return left < right if condition.operator == TapOperator.LESS else left > right


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    return str(value)
