"""``dedupe``: drops what was seen a little while ago."""

import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from vectorflow_engine.component import Context, Options, Transform
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.events import json_encoder
from vectorflow_engine.transforms.paths import MISSING, getter


class FieldsOptions(Options, frozen=True):
    """``fields``: what makes two events the same."""

    match: list[str] | None = None
    ignore: list[str] | None = None


class CacheOptions(Options, frozen=True):
    """``cache``."""

    num_events: int = 5000


class TimeOptions(Options, frozen=True):
    """``time_settings``: how long a memory lasts."""

    max_age_ms: int
    refresh_on_drop: bool = False


class DedupeOptions(Options, frozen=True):
    """Options of ``dedupe``."""

    fields: FieldsOptions = FieldsOptions()
    cache: CacheOptions = CacheOptions()
    time_settings: TimeOptions | None = None


class Dedupe(Transform):
    """Remembers the last so many events by some of their fields."""

    def __init__(self, context: Context, options: DedupeOptions) -> None:
        super().__init__(context)
        fields = options.fields
        if fields.match is not None and fields.ignore is not None:
            raise ConfigError("option `fields`: only one of `match` and `ignore` may be set")
        if options.cache.num_events < 1:
            raise ConfigError("option `cache.num_events` must be at least 1")
        names = fields.match if fields.match is not None else ["timestamp", "host", "message"]
        self._fields = [getter(name.lstrip(".")) for name in names]
        self._ignored = {name.lstrip(".") for name in fields.ignore} if fields.ignore is not None else None
        self._size = options.cache.num_events
        self._times = options.time_settings
        self._seen: OrderedDict[Any, float] = OrderedDict()

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """The first of its kind passes."""
        kept = [event for event in events if self._is_new(event)]
        self.meter.discarded(len(events) - len(kept), intentional=True)
        return {DEFAULT_PORT: kept}

    def _is_new(self, event: dict[str, Any]) -> bool:
        key, now = self._identity(event), time.monotonic()
        at = self._seen.get(key)
        times = self._times
        if at is not None and times is not None and (now - at) * 1000 > times.max_age_ms:
            at = None
        if at is None or times is None or times.refresh_on_drop:
            self._seen[key] = now
        self._seen.move_to_end(key)
        if len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return at is None

    def _identity(self, event: dict[str, Any]) -> Any:
        if self._ignored is not None:
            return tuple((name, _typed(event[name])) for name in sorted(event) if name not in self._ignored)
        return tuple(_typed(find(event)) for find in self._fields)


def _typed(value: Any) -> Any:
    """A value that equals another only when the type does as well: 1 is not "1", nor true."""
    if value is MISSING:
        return None
    return (type(value).__name__, json_encoder.encode(value))
