"""Programs in VRL while somebody writes them: compiled and tried on events, in workers that can be killed."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.pipelines.errors import ProgramInvalid
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_engine.vrl import Kind, VrlDiagnostic, VrlError, VrlPool, VrlResult

MOST_EVENTS = 100
MOST_BODY_BYTES = 1024 * 1024
_WORKERS = 2
_BURST, _PER_SECOND = 60.0, 15.0


class Ran(msgspec.Struct, frozen=True):
    """What a program did to each event, in order; no results where it does not compile or was stopped."""

    diagnostics: list[VrlDiagnostic]
    results: list[VrlResult]


class ProgramService:
    """A few workers, none of which ever serves two organisations. `close` it when the process ends."""

    def __init__(self, pool: VrlPool | None = None, limits: TokenBuckets | None = None) -> None:
        self._pool = pool or VrlPool(size=_WORKERS)
        self._limits = limits or TokenBuckets(burst=_BURST, per_second=_PER_SECOND)

    async def close(self) -> None:
        """Kill the workers."""
        await self._pool.close()

    async def compile(self, organization_id: UUID, program: str, kind: Kind) -> list[VrlDiagnostic]:
        """Return what is wrong with a program. Raises `RateLimitedError`."""
        self._limits.check(str(organization_id))
        return await self._pool.compile(program, kind=kind, owner=str(organization_id))

    async def condition_complaints(self, organization_id: UUID, condition: str) -> list[str]:
        """Return what is wrong with a condition, in words. Raises `RateLimitedError`."""
        return [each.message for each in await self.compile(organization_id, condition, "condition")]

    async def run(self, organization_id: UUID, program: str, events: Sequence[dict[str, Any]]) -> Ran:
        """Try a program on events, which nothing keeps. Raises `ProgramInvalid` or `RateLimitedError`."""
        if len(events) > MOST_EVENTS:
            message = f"At most {MOST_EVENTS} events can be tried at once; these are {len(events)}."
            raise ProgramInvalid(message)
        self._limits.check(str(organization_id))
        try:
            results = await self._pool.run(program, events, owner=str(organization_id))
        except VrlError as error:
            return Ran(error.diagnostics, [])
        return Ran([], results)
