"""Key providers. The key file serves one installation with one owner; a KMS comes beside it for more."""

import asyncio
import contextlib
import os
import secrets
import stat
from pathlib import Path

from vectorflow.keys import sealing
from vectorflow.keys.errors import KeyFileUnsafe, KeysUnavailable, WrongKey
from vectorflow.keys.types import KeyContext
from vectorflow.platform.credentials import write_private

LOCAL_NAME = "local-key-file"


class LocalKeyFile:
    """Wraps data keys with the platform key in ``<state>/keys/platform.key``.

    The file is read at each use (the unwrapped data keys are what is cached), so taking it away
    makes everything sealed unreadable within a minute.
    """

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / "keys" / "platform.key"
        self._next = self._path.with_name("platform.key.next")
        self._previous = self._path.with_name("platform.key.previous")

    @property
    def name(self) -> str:
        """The provider's name."""
        return LOCAL_NAME

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

    def begin_rotation(self) -> None:
        """Put a new platform key in place and keep the former beside it; a rotation under way goes on.

        Killed at any moment, it is finished by calling it again. Raises `KeysUnavailable`.
        """
        if self._next.exists():
            self._read(self._next)  # a damaged one is not put in place
        elif self._previous.exists():
            return
        else:
            self._read(self._path)
            write_private(self._next, os.urandom(sealing.KEY_BYTES))
        with contextlib.suppress(FileExistsError):
            os.link(self._path, self._previous)
        self._next.replace(self._path)
        self._sync()

    def end_rotation(self) -> None:
        """Destroy the former platform key; nothing may be wrapped by it any more."""
        if self._next.exists() or not self._previous.exists():
            return
        with self._previous.open("r+b") as file:
            file.write(bytes(sealing.KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        self._previous.unlink()
        self._sync()

    @property
    def rotating(self) -> bool:
        """Whether a former platform key is still kept."""
        return self._next.exists() or self._previous.exists()

    def _sync(self) -> None:
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped by the platform key. Raises `KeysUnavailable`."""
        return sealing.wrap(await asyncio.to_thread(self._platform_key), key, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        for platform_key in await asyncio.to_thread(self._platform_keys):
            with contextlib.suppress(sealing.Unopenable):
                return sealing.unwrap(platform_key, wrapped, context)
        message = "The platform key file is not the one that wrapped this organisation's data key."
        raise WrongKey(message)

    async def prove(self) -> None:
        """Do nothing: the context is authenticated by our own code, which the tests try."""

    async def aclose(self) -> None:
        """Do nothing: no file is held open."""

    def _platform_keys(self) -> list[bytes]:
        """Return the present key and, while a rotation goes on, the former one."""
        # The former first: it is there before the new one takes the place of the present one.
        former = []
        if self._previous.exists():
            with contextlib.suppress(KeysUnavailable):  # the rotation ended just now
                former = [self._read(self._previous)]
        present = self._platform_key()
        return [present, *former]

    def _platform_key(self) -> bytes:
        return self._read(self._path)

    @staticmethod
    def _read(path: Path) -> bytes:
        try:
            with path.open("rb") as file:
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
