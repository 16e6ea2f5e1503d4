"""Releases as they come to a node: the signed index, then files by digest, checked before anything is done with them."""

import asyncio
import contextlib
import platform
import shutil
import sys
from pathlib import Path

import msgspec

from vectorflow_agent.release_key import RELEASE_KEYS
from vectorflow_agent.shell.client import Gateway, GatewayError, size_of
from vectorflow_agent.shell.clock import now_ms
from vectorflow_agent.shell.context import Context
from vectorflow_agent.shell.disk import folder, read_optional, sha256_file, write_atomic
from vectorflow_agent.shell.link import Link
from vectorflow_agent.shell.slot_files import ReleaseDamaged, SlotFiles, unpacked_size
from vectorflow_wire.encoding import EncodingInvalid
from vectorflow_wire.messages import ReportReason
from vectorflow_wire.releases import (
    Machine,
    Release,
    ReleaseIndex,
    ReleaseKeyMissing,
    ReleaseRefused,
    index_verify,
    release_keys,
)


class UpdateRefused(Exception):
    """A version that is not taken. `reason` is a report's; `lasting`: trying the same again is no use.

    `returned`: it was tried, and what ran before runs again.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        output: tuple[str, ...] = (),
        lasting: bool = False,
        returned: bool = False,
    ) -> None:
        super().__init__(message)
        self.returned = returned
        self.reason = reason
        self.output = output
        self.lasting = lasting


class ReleaseStore:
    """Fetches releases and keeps the newest index, so that an older one is known as such."""

    def __init__(self, context: Context, gateway: Gateway, link: Link) -> None:
        self._context = context
        self._gateway = gateway
        self._link = link
        self.files = SlotFiles(context.layout.root)

    async def index(self) -> ReleaseIndex:
        """The newest index, verified. Raises UpdateRefused."""
        try:
            keys = release_keys(self._context.policy.release_keys or RELEASE_KEYS)
            data = await self._gateway.release_index(self._link.token())
            index = index_verify(data, keys=keys, last_number=await self._last_number(keys), now=now_ms())
            await asyncio.to_thread(write_atomic, self.files.index, data)
        except ReleaseRefused as error:
            raise UpdateRefused(error.code, str(error)) from error
        except EncodingInvalid as error:
            raise UpdateRefused(
                ReleaseKeyMissing.code, f"a release key of this node is damaged: {error}"
            ) from error
        except GatewayError as error:
            raise UpdateRefused(ReportReason.DOWNLOAD_FAILED, str(error)) from error
        except OSError as error:
            raise UpdateRefused(
                ReportReason.DISK_FULL, f"the index cannot be kept: {error.strerror}"
            ) from error
        return index

    async def fetch(self, release: Release) -> Path:
        """The release's file, whole and with its digest; goes on where an earlier try ended. Raises UpdateRefused."""
        part = self.files.download(release.sha256)
        try:
            have = size_of(part)
            if have > release.size:
                part.unlink()
                have = 0
            self.room(release.size - have, part.parent)
            if have < release.size:
                await self._gateway.release_file(self._link.token(), release.sha256, part, release.size)
            actual = await asyncio.to_thread(sha256_file, part)
        except GatewayError as error:
            raise UpdateRefused(ReportReason.DOWNLOAD_FAILED, str(error)) from error
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise UpdateRefused(ReportReason.DISK_FULL, f"it cannot be stored: {error.strerror}") from error
        if actual != release.sha256:
            part.unlink(missing_ok=True)
            raise UpdateRefused(
                ReportReason.DIGEST_MISMATCH,
                f"what came is not what the index names: sha256:{actual[:16]}… instead of {release.digest[:23]}…",
            )
        return part

    def room(self, size: int, where: Path) -> None:
        """Whether so many bytes fit and enough stays free for what runs. Raises UpdateRefused, OSError."""
        free, keep = shutil.disk_usage(folder(where)).free, self._context.settings.update_free_bytes
        if free < size + keep:
            raise UpdateRefused(
                ReportReason.DISK_FULL,
                f"it needs {size} bytes and {keep} are to stay free, but {where} has {free} bytes left",
            )

    def unpack(self, archive: Path, slot: str) -> None:
        """Put a fetched release of the agent into a slot. Raises UpdateRefused."""
        try:
            self.room(unpacked_size(archive), self.files.root)
            self.files.unpack(archive, slot)
        except ReleaseDamaged as error:
            raise UpdateRefused(ReportReason.DOES_NOT_START, str(error), lasting=True) from error
        except OSError as error:
            raise UpdateRefused(ReportReason.DISK_FULL, f"it cannot be unpacked: {error.strerror}") from error

    async def _last_number(self, keys: dict[str, bytes]) -> int:
        stored = await asyncio.to_thread(read_optional, self.files.index)
        if stored is None:
            return 0
        try:
            return index_verify(stored, keys=keys, now=None).number
        except (ReleaseRefused, msgspec.MsgspecError):
            # Signed with a key that does not count any more: its numbers do not count either.
            return 0


def this_machine() -> Machine:
    """What releases must fit here."""
    return Machine(
        os=platform.system().lower(),
        arch=platform.machine(),
        python=f"cp{sys.version_info.major}{sys.version_info.minor}",
    )
