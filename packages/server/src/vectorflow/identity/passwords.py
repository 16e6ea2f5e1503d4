"""Passwords: Argon2id in a small pool of threads, with the same work for accounts that do not exist."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import argon2

from vectorflow.identity.errors import BusyError

MAX_PASSWORD_BYTES = 1024
MIN_PASSWORD_CHARACTERS = 12
_MAX_WAITING = 64


class Passwords:
    """Hashes and verifies, two at a time: each takes 64 MiB and some tenths of a second."""

    def __init__(self, *, threads: int = 2, hasher: argon2.PasswordHasher | None = None) -> None:
        self._hasher = hasher or argon2.PasswordHasher()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """Return the Argon2id hash of a password."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Compare a password with a stored hash; without one, do the same work and say no.

        Raises `BusyError` when too many are waiting already.
        """
        if self._waiting >= _MAX_WAITING:
            raise BusyError(headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pool, self._verify, stored, password
            )
        finally:
            self._waiting -= 1

    async def prepare(self) -> None:
        """Make the hash that unknown accounts are compared with, before the first of them comes."""
        await asyncio.get_running_loop().run_in_executor(self._pool, self._dummy)

    def close(self) -> None:
        """Give up the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _dummy(self) -> str:
        if self._nobody is None:
            self._nobody = self._hasher.hash("nobody has this password")
        return self._nobody

    def _verify(self, stored: str | None, password: str) -> bool:
        too_long = len(password.encode("utf-8", "replace")) > MAX_PASSWORD_BYTES
        try:
            matches = self._hasher.verify(stored or self._dummy(), "" if too_long else password)
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False
        return matches and stored is not None and not too_long
