"""Pauses that vary, so that agents which stopped in one moment do not come back in one."""

import random
from collections.abc import Callable


def varied(
    seconds: float, less: float = 0.2, more: float = 0.2, *, chance: Callable[[], float] = random.random
) -> float:
    """Return a pause between `seconds` less one share of itself and more another; `chance` gives 0 up to 1."""
    return seconds * (1 - less + (less + more) * chance())
