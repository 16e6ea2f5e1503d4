"""Key providers. The key file serves one installation with one owner; a KMS comes beside it for more."""

import asyncio
import contextlib
import os
import secrets
import stat
from pathlib import Path

from vectorflow.keys import sealing
from vectorflow.keys.errors import KeyFileUnsafe, KeysUnavailable
from vectorflow.keys.types import KeyContext
from vectorflow.platform.credentials import write_private

_NAME = "local-key-file"


class LocalKeyFile:
    """Wraps data keys with the platform key in ``<state>/keys/platform.key``.

    The file is read at each use (the unwrapped data keys are what is cached), so taking it away
    makes everything sealed unreadable within a minute.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "keys" / "platform.key"

    @property
    def name(self) -> str:
        """The provider's name."""
        return _NAME

    def create(self) -> None:
        """Make the key file where there is none; an existing one is never replaced."""
        if self._path.exists():
            return
        fresh = self._path.with_name(f"platform.key.{secrets.token_hex(4)}")
        write_private(fresh, os.urandom(sealing.KEY_BYTES))
        # A link never replaces: of two processes that start at once, one key wins and both use it.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, self._path)
        fresh.unlink()

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped by the platform key. Raises `KeysUnavailable`."""
        return sealing.wrap(await asyncio.to_thread(self._platform_key), key, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        platform_key = await asyncio.to_thread(self._platform_key)
        try:
            return sealing.unwrap(platform_key, wrapped, context)
        except sealing.Unopenable as error:
            message = "The platform key file is not the one that wrapped this organisation's data key."
            raise KeysUnavailable(message) from error

    def _platform_key(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                    raise KeyFileUnsafe
                key = file.read(sealing.KEY_BYTES + 1)
        except OSError as error:
            message = "The platform key file cannot be read. Run `vectorflow migrate`, or restore the file."
            raise KeysUnavailable(message) from error
        if len(key) != sealing.KEY_BYTES:
            message = "The platform key file is damaged. Restore it from its backup."
            raise KeysUnavailable(message)
        return key
