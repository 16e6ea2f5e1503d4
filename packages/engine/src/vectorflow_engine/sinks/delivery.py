"""What batching sinks share: requests put together from batches, and when to try again."""

import random
from typing import Literal

from vectorflow_engine.component import Options
from vectorflow_engine.events import Batch, Status


class BatchOptions(Options, frozen=True):
    """``batch``: when a request is full, or has waited long enough (seconds)."""

    max_events: int | None = None
    max_bytes: int | None = 10_000_000
    timeout_secs: float = 1.0


class Parcel:
    """Encoded events for one request, and the batches that they came from."""

    def __init__(self, key: str, deadline: float) -> None:
        """``deadline`` is the loop's time by which it should leave."""
        self.key, self.deadline = key, deadline
        self.pieces: list[bytes] = []
        self.size = 0
        self.batches: list[Batch] = []

    def __len__(self) -> int:
        return len(self.pieces)

    def add(self, piece: bytes) -> None:
        """Put one event in."""
        self.pieces.append(piece)
        self.size += len(piece)

    def release(self, status: Status) -> None:
        """All of it ended so."""
        for batch in self.batches:
            batch.release(status)


class Backoff:
    """Seconds to wait before each retry: Fibonacci numbers up to a limit, with full jitter."""

    def __init__(self, first: float, most: float, jitter: Literal["Full", "None"]) -> None:
        self._now, self._next, self._most, self._jitter = first, first, most, jitter

    def next(self) -> float:
        """The next wait."""
        wait = min(self._now, self._most)
        self._now, self._next = self._next, self._now + self._next
        return random.uniform(0, wait) if self._jitter == "Full" else wait  # noqa: S311 - spreading load
