"""A document's unit tests, run by the embedded engine in processes that can be killed."""

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from vectorflow.pipelines.errors import TestsBusy
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow_engine.testing.sandbox import TestsStopped, run_sealed
from vectorflow_engine.testing.types import TestResult

SECONDS = 10.0
MOST_WAITING = 8
_AT_ONCE = 2
_BURST, _PER_SECOND = 20.0, 1.0


class TestsRan(msgspec.Struct, frozen=True):
    """The results in the order of the tests; `stopped` says why there are none."""

    __test__ = False

    results: list[TestResult]
    stopped: str | None = None


class UnitTestService:
    """Runs a few at a time, each in a process of its own, so that no organisation meets another."""

    def __init__(self, *, seconds: float = SECONDS, limits: TokenBuckets | None = None) -> None:
        self._seconds = seconds
        self._limits = limits or TokenBuckets(burst=_BURST, per_second=_PER_SECOND)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def run(self, organization_id: UUID, config: Mapping[str, Any]) -> TestsRan:
        """Run the tests of a configuration. Raises `TestsBusy` or `RateLimitedError`."""
        self._limits.check(str(organization_id))
        if self._waiting >= MOST_WAITING:
            raise TestsBusy(headers={"Retry-After": "5"})
        self._waiting += 1
        try:
            async with self._slots:
                return TestsRan(await run_sealed(config, seconds=self._seconds))
        except TestsStopped as stopped:
            return TestsRan([], str(stopped))
        finally:
            self._waiting -= 1
