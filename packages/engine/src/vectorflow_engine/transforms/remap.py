"""``remap``: a VRL program per event."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from vectorflow_engine.component import Context, Options, Transform
from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.graph import DEFAULT_PORT
from vectorflow_engine.events import Metric
from vectorflow_engine.transforms.conditions import VrlUse, metric_view
from vectorflow_engine.vrl import Program, VrlResult

DROPPED_PORT = "dropped"


class RemapOptions(Options, frozen=True):
    """Options of ``remap``; either ``source`` or ``file``."""

    source: str | None = None
    file: str | None = None
    drop_on_error: bool = False
    drop_on_abort: bool = True
    reroute_dropped: bool = False
    timezone: str | None = None

    def program(self) -> str:
        """The program's text; raises `ConfigError`."""
        if (self.source is None) == (self.file is None):
            raise ConfigError("must provide exactly one of `source` or `file`")
        if self.source is not None:
            return self.source
        try:
            return Path(str(self.file)).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"could not read the VRL file {self.file!r}: {error}") from None

    def vrl(self) -> list[VrlUse]:
        """What must compile."""
        return [VrlUse("source" if self.source is not None else "file", self.program(), "program")]

    @property
    def ports(self) -> tuple[str, ...]:
        """The named outputs."""
        return (DEFAULT_PORT, DROPPED_PORT) if self.reroute_dropped else (DEFAULT_PORT,)


def _zone(name: str | None) -> str | None:
    return None if name in (None, "local") else name


class Remap(Transform):
    """Runs the program; what fails goes on, is dropped or takes the port ``dropped``, as the options say."""

    def __init__(self, context: Context, options: RemapOptions) -> None:
        super().__init__(context)
        self._options = options
        self._program = Program(options.program(), timezone=_zone(options.timezone or context.timezone))

    def process(self, events: list[Any], *, metric: bool) -> Mapping[str, list[Any]]:
        """One event after the other; never raises for what a program does."""
        passed: list[Any] = []
        dropped: list[Any] = []
        run = self._program.run
        for event in events:
            result = run(metric_view(event) if metric else event)
            if result.outcome == "ok":
                passed += [_rebuilt(event, made) for made in result.events] if metric else result.events
            else:
                self._failed(event, result, passed, dropped)
        return {DEFAULT_PORT: passed, DROPPED_PORT: dropped} if dropped else {DEFAULT_PORT: passed}

    def _failed(self, event: Any, result: VrlResult, passed: list[Any], dropped: list[Any]) -> None:
        options, aborted = self._options, result.outcome == "abort"
        if not aborted:
            self.meter.error("conversion_failed", "processing")
            self.log.error("Mapping failed with event. error=%s", result.message)
        if not (options.drop_on_abort if aborted else options.drop_on_error):
            passed.append(event)
        elif options.reroute_dropped:
            dropped.append(self._annotated(event, result))
        else:
            self.meter.discarded(1, intentional=aborted)

    def _annotated(self, event: Any, result: VrlResult) -> Any:
        if isinstance(event, Metric):
            return event
        reason = {
            "component_id": self.context.id,
            "component_kind": self.context.kind,
            "component_type": self.context.type,
            "message": result.message,
            "reason": result.outcome,
        }
        metadata = event.get("metadata")
        kept = metadata if isinstance(metadata, dict) else {}
        return {**event, "metadata": {**kept, "dropped": reason}}


def _rebuilt(before: Metric, after: dict[str, Any]) -> Metric:
    """The metric with the name, namespace, kind, tags and timestamp that the program left."""
    tags = after.get("tags")
    return msgspec.structs.replace(
        before,
        name=str(after.get("name", before.name)),
        namespace=after.get("namespace"),
        kind=after["kind"] if after.get("kind") in ("absolute", "incremental") else before.kind,
        tags={key: str(value) for key, value in tags.items()} if isinstance(tags, dict) else {},
        timestamp=after.get("timestamp"),
    )
