"""What stands between us and a key provider: proof first, few calls at once, an end to waiting, pauses after failures."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vectorflow.keys.errors import KeysUnavailable, ProviderRefused, ProviderUnreachable, ProviderUnsafe
from vectorflow.keys.types import KeyContext, KeyProvider
from vectorflow.platform.pauses import Pause, jittered

T = TypeVar("T")
TOTAL_SECONDS = 5.0
MOST_CALLS = 16
MOST_TRIES = 3
PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
"""Of an organisation's own provider; the platform's is what everybody waits for, and is asked every few seconds."""
log = structlog.get_logger()


class KeyMetrics:
    """The metrics of key providers. Labels tell the kind of provider, never an organisation or a key."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.calls = Counter(
            "vectorflow_keys_calls",
            "Calls to key providers, by kind of provider, operation and outcome.",
            ("provider", "operation", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
            "vectorflow_keys_call_seconds",
            "Seconds that calls to key providers took, with repeats.",
            ("provider",),
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        self.available = Gauge(
            "vectorflow_keys_available",
            "1 while the platform's key provider answers, 0 from its first failure on.",
            registry=registry,
        )
        self.available.set(1)


class Guarded:
    """A provider behind its guard. Wrapping and unwrapping change nothing there, so a call may be repeated."""

    def __init__(
        self,
        provider: KeyProvider,
        *,
        metrics: KeyMetrics | None = None,
        platform: bool = True,
        total_seconds: float = TOTAL_SECONDS,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._provider = provider
        self._metrics = metrics
        self._platform = platform
        self._total = total_seconds
        self._slots = asyncio.Semaphore(MOST_CALLS)
        self._proving = asyncio.Lock()
        self._proved = False
        self._probing = False
        self._pause: Pause[KeysUnavailable] = Pause(
            pause_seconds, None if platform else LONGEST_PAUSE_SECONDS
        )

    @property
    def name(self) -> str:
        """The provider's name."""
        return self._provider.name

    @property
    def kind(self) -> str:
        """The kind of provider, without its address."""
        return self.name.partition(":")[0]

    @property
    def failure(self) -> str | None:
        """Why the last call failed, or None."""
        return self._pause.failure.detail if self._pause.failure else None

    async def wrap(self, key: bytes, context: KeyContext) -> bytes:
        """Return the key wrapped. Raises `KeysUnavailable`."""
        return await self._call("wrap", lambda: self._provider.wrap(key, context))

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the data key. Raises `KeysUnavailable`."""
        return await self._call("unwrap", lambda: self._provider.unwrap(wrapped, context))

    async def prove(self) -> None:
        """Try once that nothing opens without its context. Raises `ProviderUnsafe` or `KeysUnavailable`."""
        async with self._proving:
            if not self._proved:
                await self._counted("prove", self._provider.prove)
                self._proved = True

    async def probe(self) -> None:
        """While the last call failed, try whether the provider answers again; never raises what it finds."""
        if self._pause.failure is not None:
            try:
                await self._call("probe", self._provider.prove)
            except KeysUnavailable:
                return

    async def aclose(self) -> None:
        """Close the provider's connections."""
        await self._provider.aclose()

    async def _call(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        if not self._proved and operation != "probe":
            self._refuse_while_failing()
            await self.prove()
        return await self._counted(operation, work)

    async def _counted(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        self._refuse_while_failing()
        probing = self._probing = self._pause.failure is not None
        started, outcome = time.monotonic(), "ok"
        try:
            found = await self._bounded(work)
        except (ProviderUnreachable, ProviderRefused, ProviderUnsafe) as error:
            outcome = "unreachable" if isinstance(error, ProviderUnreachable) else "refused"
            self._failed(error)
            raise
        except BaseException as error:
            outcome = "wrong-key" if isinstance(error, KeysUnavailable) else "failed"
            raise
        else:
            self._answered()
            return found
        finally:
            if probing:
                self._probing = False
            if self._metrics is not None:
                self._metrics.calls.labels(self.kind, operation, outcome).inc()
                self._metrics.seconds.labels(self.kind).observe(time.monotonic() - started)

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._total), self._slots:
                for left in range(MOST_TRIES - 1, -1, -1):
                    try:
                        return await work()
                    except ProviderUnreachable:
                        if left == 0:
                            raise
                    await asyncio.sleep(jittered(0.3))
                raise ProviderUnreachable
        except TimeoutError:
            message = "The key provider did not answer in time."
            raise ProviderUnreachable(message) from None

    def _refuse_while_failing(self) -> None:
        """After a failure one call at a time, after a pause, finds out whether the provider is back."""
        failure = self._pause.failure
        if failure is not None and (self._probing or self._pause.holds):
            raise type(failure)(failure.detail)

    def _failed(self, error: KeysUnavailable) -> None:
        if self._pause.failure is None:
            log.warning("keys.provider-fails", provider=self.kind, problem=error.detail)
        self._pause.failed(error)
        if self._metrics is not None and self._platform:
            self._metrics.available.set(0)

    def _answered(self) -> None:
        if self._pause.failure is not None:
            log.info("keys.provider-answers", provider=self.kind)
        self._pause.answered()
        if self._metrics is not None and self._platform:
            self._metrics.available.set(1)
