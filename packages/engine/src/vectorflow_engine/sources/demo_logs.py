"""``demo_logs``: made-up lines at a steady pace, for trying things out."""

import datetime
import itertools
import random
import uuid
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from vectorflow_engine.component import Context, Options, Source
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.encoding import DecodingOptions, FramingOptions, Malformed, decode
from vectorflow_engine.vrl.timestamps import now

_PATHS = ("/", "/checkout", "/api/orders", "/login", "/static/app.js", "/api/items/42")
_METHODS = ("GET", "GET", "GET", "POST", "PUT", "DELETE")
_STATUSES = (200, 200, 200, 201, 304, 400, 404, 500, 503)
_MODULES = ("core", "proxy", "ssl", "cache")
_TICK = 0.05


class DemoLogsOptions(Options, frozen=True):
    """Options of the ``demo_logs`` source."""

    format: Literal["apache_common", "apache_error", "bsd_syslog", "json", "shuffle", "syslog"]
    lines: tuple[str, ...] = ()
    sequence: bool = False
    interval: float = 1.0
    count: int | None = None
    framing: FramingOptions | None = None
    decoding: DecodingOptions = DecodingOptions()

    def check(self) -> None:
        """Raises `ConfigError` for what no struct can say."""
        if self.format == "shuffle" and not self.lines:
            raise ConfigError("option `lines` must hold at least one line for the format `shuffle`")
        if self.interval < 0:
            raise ConfigError("option `interval` may not be negative")


class DemoLogsSource(Source):
    """Makes lines; with an interval of 0 as fast as they are taken."""

    def __init__(self, context: Context, options: DemoLogsOptions) -> None:
        super().__init__(context)
        options.check()
        self._options = options
        self._random = random.Random()  # noqa: S311 - decoration, not secrecy
        self._line = self._maker()
        self._sequence = itertools.count(1)

    async def run(self) -> None:
        """Send until ``count`` lines are made."""
        options = self._options
        left = options.count if options.count is not None else 2**63
        # Short intervals are served in groups: the pace is kept, the overhead is not.
        group = max(1, round(_TICK / options.interval)) if options.interval > 0 else 500
        while left > 0 and not self.stopping.is_set():
            size = min(group, left)
            await self.send([event for _ in range(size) for event in self._events()])
            left -= size
            if left and await self.pause(options.interval * size):
                return

    def _events(self) -> list[dict[str, Any]]:
        common = {
            "host": self.context.host,
            "service": "vector",
            "source_type": "demo_logs",
            "timestamp": now(),
        }
        try:
            return [{**common, **event} for event in decode(self._line().encode(), self._options.decoding)]
        except Malformed:
            self.meter.error("parser_failed", "processing")
            return []

    def _maker(self) -> Callable[[], str]:
        makers: dict[str, Callable[[], str]] = {
            "apache_common": self._apache_common,
            "apache_error": self._apache_error,
            "bsd_syslog": self._bsd_syslog,
            "json": self._json,
            "shuffle": self._shuffle,
            "syslog": self._syslog,
        }
        return makers[self._options.format]

    def _shuffle(self) -> str:
        line = self._random.choice(self._options.lines)
        return f"{next(self._sequence)} {line}" if self._options.sequence else line

    def _address(self) -> str:
        return f"192.0.2.{self._random.randrange(1, 255)}"

    def _apache_common(self) -> str:
        pick = self._random.choice
        at = datetime.datetime.now(datetime.UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
        request = f"{pick(_METHODS)} {pick(_PATHS)} HTTP/1.1"
        return f'{self._address()} - - [{at}] "{request}" {pick(_STATUSES)} {self._random.randrange(50_000)}'

    def _apache_error(self) -> str:
        at = datetime.datetime.now(datetime.UTC).strftime("%a %b %d %H:%M:%S.%f %Y")
        module = self._random.choice(_MODULES)
        process = self._random.randrange(100, 10_000)
        return f"[{at}] [{module}:error] [pid {process}] [client {self._address()}:443] upstream closed the connection"

    def _json(self) -> str:
        pick = self._random.choice
        document = {
            "bytes": self._random.randrange(50_000),
            "datetime": now(),
            "host": self._address(),
            "method": pick(_METHODS),
            "protocol": "HTTP/1.1",
            "request": pick(_PATHS),
            "request_id": str(uuid.uuid4()),
            "status": str(pick(_STATUSES)),
        }
        return msgspec.json.encode(document, enc_hook=str).decode()

    def _syslog(self) -> str:
        priority, process = self._random.randrange(192), self._random.randrange(100, 10_000)
        return f"<{priority}>1 {now()} demo.example shop {process} ID{process % 100} - request handled"

    def _bsd_syslog(self) -> str:
        at = datetime.datetime.now(datetime.UTC).strftime("%b %e %H:%M:%S")
        return f"<{self._random.randrange(192)}>{at} demo shop[{self._random.randrange(100, 10_000)}]: request handled"
