"""``sample``: passes one event in so many."""

from collections.abc import Mapping
from typing import Any

from vectorflow_engine.component import Context, Options, Transform
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.events import json_encoder
from vectorflow_engine.transforms.conditions import ConditionOption, VrlUse, condition, condition_use
from vectorflow_engine.transforms.paths import MISSING, getter, template
from vectorflow_engine.transforms.seahash import seahash

_MAX_GROUPS = 100_000


class SampleOptions(Options, frozen=True):
    """Options of ``sample``; either ``rate`` or ``ratio``."""

    rate: int | None = None
    ratio: float | None = None
    key_field: str | None = None
    group_by: str | None = None
    exclude: ConditionOption | None = None
    sample_rate_key: str = "sample_rate"

    def vrl(self) -> list[VrlUse]:
        """What must compile."""
        return [] if self.exclude is None else [condition_use("exclude", self.exclude)]

    def check(self) -> None:
        """Raises `ConfigError` for what no struct can say."""
        if (self.rate is None) == (self.ratio is None):
            raise ConfigError("exactly one of `rate` and `ratio` must be set")
        if self.rate is not None and self.rate < 1:
            raise ConfigError("option `rate` must be at least 1")
        if self.ratio is not None and not 0 < self.ratio <= 1:
            raise ConfigError("option `ratio` must be greater than 0 and at most 1")


class Sample(Transform):
    """By count and group, or by the hash of a field, so that equal values share their fate.

    Text passes exactly where Vector lets it pass; another kind of value is hashed as JSON.
    """

    def __init__(self, context: Context, options: SampleOptions) -> None:
        super().__init__(context)
        options.check()
        self._rate, self._ratio = options.rate, options.ratio or 0.0
        self._key = getter(options.key_field) if options.key_field else None
        self._group = template(options.group_by) if options.group_by else None
        self._exclude = condition(options.exclude) if options.exclude is not None else None
        self._rate_key = options.sample_rate_key
        self._shown = str(options.rate if options.rate is not None else options.ratio)
        self._counts: dict[str | None, float] = {}

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """What passes carries the rate; what is excluded passes as it is."""
        kept = []
        for event in events:
            if self._exclude is not None and self._exclude(event):
                kept.append(event)
            elif self._passes(event):
                kept.append({**event, self._rate_key: self._shown} if self._rate_key else event)
        self.meter.discarded(len(events) - len(kept), intentional=True)
        return {DEFAULT_PORT: kept}

    def _passes(self, event: dict[str, Any]) -> bool:
        value = self._key(event) if self._key is not None else MISSING
        if value is not MISSING:
            return self._hash_passes(value)
        group = self._group(event) if self._group is not None else None
        if len(self._counts) >= _MAX_GROUPS and group not in self._counts:
            self._counts.clear()
        if self._rate is not None:
            count = self._counts.get(group, 0)
            self._counts[group] = (count + 1) % self._rate
            return count == 0
        total = self._counts.get(group, 1.0 - self._ratio) + self._ratio
        # A hair's breadth of rounding must not swallow an event.
        passes = total >= 1.0 - 1e-9
        self._counts[group] = total - 1.0 if passes else total
        return passes

    def _hash_passes(self, value: Any) -> bool:
        data = value.encode() if isinstance(value, str) else json_encoder.encode(value)
        number = seahash(data)
        return number % self._rate == 0 if self._rate is not None else number <= self._ratio * 2**64
