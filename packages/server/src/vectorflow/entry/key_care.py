"""The care of data keys in the signer: moves them to what wraps now, and rotates what is asked for, old or worn."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import structlog

from vectorflow.kernel.events import Topic
from vectorflow.kernel.ids import parse_id
from vectorflow.keys.errors import KeysUnavailable
from vectorflow.keys.platform_keys import PlatformKeyRotation
from vectorflow.keys.rotation import KeyRotation
from vectorflow.platform.bus import Bus
from vectorflow.platform.pauses import jittered

log = structlog.get_logger()
SWEEP_SECONDS = 600.0


class KeyCare:
    """Owns the loop. Any number may run: each piece of work is idempotent, and a killed one is gone on with."""

    def __init__(
        self,
        rotation: KeyRotation,
        platform: PlatformKeyRotation,
        bus: Bus,
        *,
        sweep_seconds: float = SWEEP_SECONDS,
    ) -> None:
        self._rotation, self._platform, self._bus = rotation, platform, bus
        self._sweep_seconds = sweep_seconds
        self._asked: set[UUID] = set()
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Work until cancelled."""
        end = self._bus.subscribe(Topic.DATA_KEYS_WORK, self._on_work)
        loop = asyncio.get_running_loop()
        next_sweep = 0.0
        try:
            while True:
                if loop.time() >= next_sweep:
                    await self.sweep()
                    next_sweep = loop.time() + jittered(self._sweep_seconds)
                asked, self._asked = self._asked, set()
                for organization_id in asked:
                    await self._care(organization_id)
                try:
                    async with asyncio.timeout_at(next_sweep):
                        await self._wake.wait()
                except TimeoutError:
                    continue
                self._wake.clear()
        finally:
            end()

    async def sweep(self) -> None:
        """Look at every organisation, whether or not the bus told of it, and at the platform's own key."""
        try:
            everyone = await self._rotation.organizations()
            if await self._platform.due():
                await self._platform.rotate(self._rotation.organizations)
        except Exception as error:
            # A database that is down comes back; the next sweep does what this one could not.
            log.warning("keys.sweep-failed", error=type(error).__name__)
            return
        for organization_id in everyone:
            await self._care(organization_id)

    async def _care(self, organization_id: UUID) -> None:
        try:
            await self._rotation.care(organization_id)
        except KeysUnavailable as error:
            log.warning("keys.care-waits", organization_id=str(organization_id), problem=error.detail)
        except Exception as error:
            # One organisation's trouble is not the others'.
            log.warning("keys.care-failed", organization_id=str(organization_id), error=type(error).__name__)

    def _on_work(self, message: Mapping[str, Any]) -> None:
        organization_id = parse_id(str(message.get("organization_id", "")))
        if organization_id is not None:
            self._asked.add(organization_id)
            self._wake.set()
