"""Looking at events that leave outputs: a sample by chance of each interval, for whoever asks the API.

Nobody waits for a tap: an output offers what it sends, and what is not chosen costs a random number.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable
from fnmatch import fnmatchcase
from typing import Any, Final

import msgspec

from vectorflow_engine.config.graph import DEFAULT_PORT

MOST_TAPS: Final = 32


class Tapped(msgspec.Struct, frozen=True):
    """An event that was chosen, and where it left. Never changed: the graph still has it."""

    component: str
    kind: str
    type: str
    event: Any


class Tap:
    """A reservoir: of all events of an interval each is in it with the same chance."""

    def __init__(self, patterns: Iterable[str], limit: int) -> None:
        self._patterns = tuple(patterns)
        self._limit = limit
        self._seen = 0
        self._held: list[Tapped] = []

    def wants(self, component: str, port: str) -> bool:
        """Whether the output is one of those asked for; the default port has the component's name alone."""
        name = component if port == DEFAULT_PORT else f"{component}.{port}"
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def offer(self, component: str, kind: str, type_: str, events: list[Any]) -> None:
        """Events leave an output."""
        for event in events:
            self._seen += 1
            if len(self._held) < self._limit:
                self._held.append(Tapped(component, kind, type_, event))
                continue
            place = int(random.random() * self._seen)  # noqa: S311 - a sample, no secret
            if place < self._limit:
                self._held[place] = Tapped(component, kind, type_, event)

    def take(self) -> list[Tapped]:
        """What was chosen since the last time."""
        held, self._held, self._seen = self._held, [], 0
        return held


class TapBook:
    """The taps that are open. Outputs hold the tuple of those that want them, empty almost always."""

    def __init__(self) -> None:
        self._taps: tuple[Tap, ...] = ()
        self._outputs: list[Watched] = []

    @property
    def full(self) -> bool:
        """Whether no more may be opened."""
        return len(self._taps) >= MOST_TAPS

    def watch(self, outputs: "list[Watched]") -> None:
        """The outputs there are now."""
        self._outputs = outputs
        self._connect()

    async def batches(self, tap: Tap, seconds: float) -> AsyncGenerator[list[Tapped], None]:
        """Open the tap and give what it chose after every interval, until the reader goes away."""
        self._taps = (*self._taps, tap)
        self._connect()
        try:
            while True:
                await asyncio.sleep(seconds)
                yield tap.take()
        finally:
            self._taps = tuple(each for each in self._taps if each is not tap)
            self._connect()

    def _connect(self) -> None:
        for output in self._outputs:
            output.taps = tuple(tap for tap in self._taps if tap.wants(output.component, output.port))


class Watched:
    """What an output shows to taps."""

    component = ""
    kind = ""
    type = ""
    port = DEFAULT_PORT
    taps: tuple[Tap, ...] = ()

    def show(self, events: list[Any]) -> None:
        """Offer events to whoever looks."""
        for tap in self.taps:
            tap.offer(self.component, self.kind, self.type, events)
