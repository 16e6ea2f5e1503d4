"""``stdin``: lines of standard input, until it ends."""

import asyncio
import contextlib
import os
import threading
from typing import Any

from vectorflow_engine.component import Context, Options, Source
from vectorflow_engine.encoding import DecodingOptions, FramingOptions, Malformed, decode
from vectorflow_engine.vrl.timestamps import now

_CHUNK = 64 * 1024


class StdinOptions(Options, frozen=True):
    """Options of the ``stdin`` source."""

    max_length: int = 102400
    host_key: str | None = None
    framing: FramingOptions | None = None
    decoding: DecodingOptions = DecodingOptions()


class StdinSource(Source):
    """Reads file descriptor 0 in a thread, for it may be a pipe, a terminal or a file."""

    def __init__(self, context: Context, options: StdinOptions) -> None:
        super().__init__(context)
        self._options = options
        self._separator = b"\n" if options.framing is None else options.framing.separator
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue(maxsize=4)
        self._received_bytes = self.meter.counter("component_received_bytes_total")

    async def run(self) -> None:
        """Send line by line; a last line without its end counts when the input ends."""
        loop = asyncio.get_running_loop()
        # A daemon: a read that never returns must not keep the process.
        threading.Thread(target=self._pump, args=(loop,), daemon=True).start()
        rest = b""
        while (chunk := await self._next()) is not None:
            self._received_bytes.add(len(chunk))
            if not chunk:
                await self._send([rest] if rest else [])
                return
            rest += chunk
            if not self._separator:
                continue
            *lines, rest = rest.split(self._separator)
            await self._send(lines)
            if len(rest) > self._options.max_length + _CHUNK:
                rest = self._too_long(rest)

    def _too_long(self, rest: bytes) -> bytes:
        # Keep just enough to know that the line is too long when its end comes.
        return rest[: self._options.max_length + 1]

    async def _next(self) -> bytes | None:
        getter = asyncio.ensure_future(self._chunks.get())
        stopper = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({getter, stopper}, return_when=asyncio.FIRST_COMPLETED)
            return getter.result() if getter.done() else None
        finally:
            getter.cancel()
            stopper.cancel()

    def _pump(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            while True:
                try:
                    chunk = os.read(0, _CHUNK)
                except OSError:
                    chunk = b""
                asyncio.run_coroutine_threadsafe(self._chunks.put(chunk), loop).result()
                if not chunk:
                    return

    async def _send(self, lines: list[bytes]) -> None:
        events: list[dict[str, Any]] = []
        stamp = now()
        for line in lines:
            if len(line) > self._options.max_length:
                self.meter.discarded(1, intentional=False)
                continue
            try:
                decoded = decode(line, self._options.decoding)
            except Malformed as error:
                self.meter.error("parser_failed", "processing")
                self.log.warning("Failed deserializing frame. error=%s", error)
                continue
            common = {
                self._options.host_key or "host": self.context.host,
                "source_type": "stdin",
                "timestamp": stamp,
            }
            events += [{**common, **event} for event in decoded]
        if events:
            await self.send(events)
