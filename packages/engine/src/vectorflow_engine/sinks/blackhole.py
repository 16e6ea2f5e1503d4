"""``blackhole``: takes events and forgets them, for measuring and trying out."""

import asyncio
import time

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Context, Options, Sink
from vectorflow_engine.config.errors import ConfigError


class BlackholeOptions(Options, frozen=True):
    """Options of the ``blackhole`` sink."""

    print_interval_secs: int = 0
    rate: int | None = None


class BlackholeSink(Sink):
    """Counts; ``rate`` events per second at most."""

    def __init__(self, context: Context, options: BlackholeOptions) -> None:
        super().__init__(context)
        if options.rate is not None and options.rate < 1:
            raise ConfigError("option `rate` must be at least 1")
        self._options = options

    async def run(self, inbox: Buffer) -> None:
        """Take everything."""
        total, told = 0, time.monotonic()
        while (batch := await inbox.get()) is not None:
            if self._options.rate is not None:
                await asyncio.sleep(len(batch) / self._options.rate)
            total += len(batch)
            self.sent.add(batch.events)
            batch.release()
            interval = self._options.print_interval_secs
            if interval and time.monotonic() - told >= interval:
                told = time.monotonic()
                self.log.info("Collected events. events=%s", total)
