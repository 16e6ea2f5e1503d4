"""Unwrapped data keys, kept for a minute at most and overwritten when they go."""

import asyncio
from collections import OrderedDict
from uuid import UUID

LIFETIME_SECONDS = 60.0
MOST_KEYS = 4096
_Name = tuple[UUID, int]


class _Entry:
    __slots__ = ("expires", "key")

    def __init__(self, key: bytearray, expires: asyncio.TimerHandle) -> None:
        self.key = key
        self.expires = expires  # by the loop's monotonic clock: a wall clock that jumps changes nothing


class KeyCache:
    """Bounded, oldest out first. What `get` returns must be used before the next await."""

    def __init__(self, *, lifetime_seconds: float = LIFETIME_SECONDS, most: int = MOST_KEYS) -> None:
        self._lifetime = lifetime_seconds
        self._most = most
        self._entries: OrderedDict[_Name, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, organization_id: UUID, version: int) -> bytearray | None:
        """Return the key, or None when it is not held (any more)."""
        name = (organization_id, version)
        entry = self._entries.get(name)
        if entry is not None and asyncio.get_running_loop().time() >= entry.expires.when():
            self._drop(name)  # a busy loop runs its timers late
            return None
        return entry.key if entry else None

    def put(self, organization_id: UUID, version: int, key: bytes) -> bytearray:
        """Hold a copy of the key for its lifetime and return it."""
        name = (organization_id, version)
        self._drop(name)
        while len(self._entries) >= self._most:
            self._drop(next(iter(self._entries)))
        expires = asyncio.get_running_loop().call_later(self._lifetime, self._drop, name)
        entry = _Entry(bytearray(key), expires)
        self._entries[name] = entry
        return entry.key

    def drop(self, organization_id: UUID) -> None:
        """Overwrite and forget every key of one organisation."""
        for name in [each for each in self._entries if each[0] == organization_id]:
            self._drop(name)

    def clear(self) -> None:
        """Overwrite and forget every key."""
        for name in list(self._entries):
            self._drop(name)

    def _drop(self, name: _Name) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            entry.expires.cancel()
            entry.key[:] = bytes(len(entry.key))
