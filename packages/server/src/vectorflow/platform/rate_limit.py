"""Token buckets in the memory of one process: the first line against floods.

What must hold across processes and restarts (sign-in) is counted in the database instead.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from vectorflow.kernel.errors import VectorFlowError


class RateLimitedError(VectorFlowError, status=429, code="platform.rate-limited"):
    """Too many requests; wait as long as Retry-After says, then try again."""

    @classmethod
    def after(cls, seconds: float) -> "RateLimitedError":
        """Make the error with a Retry-After of whole seconds."""
        wait = max(1, math.ceil(seconds))
        return cls(f"Too many requests; try again in {wait} s.", headers={"Retry-After": str(wait)})


class TokenBuckets:
    """One bucket per key: `burst` requests at once, then `per_second` of them.

    Memory is bounded: beyond `max_keys`, the key used least recently is forgotten.
    """

    def __init__(
        self,
        *,
        burst: float,
        per_second: float,
        max_keys: int = 50_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._burst = burst
        self._per_second = per_second
        self._max_keys = max_keys
        self._monotonic = monotonic
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str, cost: float = 1.0) -> float:
        """Take `cost` tokens of `key`; return 0, or the seconds to wait when there are too few."""
        now = self._monotonic()
        tokens, at = self._buckets.pop(key, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        allowed = tokens >= cost
        self._buckets[key] = (tokens - cost if allowed else tokens, now)
        if len(self._buckets) > self._max_keys:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (cost - tokens) / self._per_second

    def check(self, key: str, cost: float = 1.0) -> None:
        """Take `cost` tokens of `key`, or raise `RateLimitedError`."""
        seconds = self.wait(key, cost)
        if seconds > 0:
            raise RateLimitedError.after(seconds)
