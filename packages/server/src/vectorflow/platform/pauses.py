"""Leaving the other side alone for a while after it failed, so that nobody waits for it again and again.

What fails for many at once is not tried again by all of them in one moment: pauses are of random length.
"""

import random
import time
from collections.abc import Callable
from typing import Generic, TypeVar

E = TypeVar("E", bound=Exception)


def jittered(seconds: float) -> float:
    """Return a random part of so many seconds, half of them at least."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311  # no secret


class Pause(Generic[E]):
    """What one other side's last call failed with, and until when it is not called again. Seconds are jittered."""

    def __init__(
        self,
        first_seconds: float,
        longest_seconds: float | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._first, self._longest = first_seconds, longest_seconds or first_seconds
        self._monotonic = monotonic
        self._seconds = first_seconds
        self.failure: E | None = None
        self.until = 0.0

    @property
    def holds(self) -> bool:
        """Whether it failed and is not to be called yet."""
        return self.failure is not None and self._monotonic() < self.until

    def failed(self, error: E) -> None:
        """Begin a pause: twice as long as the last one, when the call that follows a pause failed too."""
        now = self._monotonic()
        if self.failure is None:
            self._seconds = self._first
        elif now >= self.until:  # before, it is a call that began beside the one that failed
            self._seconds = min(self._seconds * 2, self._longest)
        self.failure = error
        self.until = now + jittered(self._seconds)

    def answered(self) -> None:
        """Forget that it failed."""
        self.failure = None
