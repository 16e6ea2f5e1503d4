"""Identifiers: UUIDv7, which sort by the time they were made."""

import secrets
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0  # the 74 ordered bits last given out, so that ids of one process never go back


def new_id() -> UUID:
    """Return a new UUIDv7; ids made by one process are strictly increasing."""
    global _last  # noqa: PLW0603 - the one counter of the process, behind its lock
    milliseconds = time.time_ns() // 1_000_000
    candidate = (milliseconds << 74) | secrets.randbits(74)
    with _lock:
        if candidate <= _last:
            candidate = _last + 1 + secrets.randbits(32)
        _last = candidate
    return _from_ordered_bits(candidate)


def parse_id(text: str) -> UUID | None:
    """Return the id that `text` writes in canonical form, or None when it is not one."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


def _from_ordered_bits(bits: int) -> UUID:
    """Spread 48 bits of time and 74 of randomness around the version and variant bits."""
    timestamp = (bits >> 74) & ((1 << 48) - 1)
    random_a = (bits >> 62) & 0xFFF
    random_b = bits & ((1 << 62) - 1)
    return UUID(int=(timestamp << 80) | (0x7 << 76) | (random_a << 64) | (0b10 << 62) | random_b)
