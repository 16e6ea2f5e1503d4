"""``console``: events to standard output or standard error."""

import asyncio
import os
from typing import Literal

from vectorflow_engine.buffer import Buffer
from vectorflow_engine.component import Context, Options, Sink
from vectorflow_engine.encoding import EncodingOptions, FramingOptions, encoder
from vectorflow_engine.events import Status


class ConsoleOptions(Options, frozen=True):
    """Options of the ``console`` sink."""

    encoding: EncodingOptions
    target: Literal["stdout", "stderr"] = "stdout"
    framing: FramingOptions | None = None


class ConsoleSink(Sink):
    """Writes in a thread: who reads the other end may be slow."""

    def __init__(self, context: Context, options: ConsoleOptions) -> None:
        super().__init__(context)
        self._encode = encoder(options.encoding)
        self._separator = b"\n" if options.framing is None else options.framing.separator
        self._fd = 1 if options.target == "stdout" else 2

    async def run(self, inbox: Buffer) -> None:
        """Write batch by batch; ends with an error when the reader is gone."""
        while (batch := await inbox.get()) is not None:
            data = self._separator.join(map(self._encode, batch.events)) + self._separator
            try:
                await asyncio.to_thread(self._write, data)
            except OSError:
                self.meter.error("io_failed", "sending")
                batch.release(Status.ERRORED)
                raise
            self.sent.add_counted(len(batch), len(data))
            self.sent_bytes.add(len(data))
            batch.release()

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
