"""Which component types this engine runs, and how one is made from its configuration."""

from collections.abc import Callable
from typing import Any, NamedTuple

from vectorflow_engine.component import (
    LOG,
    LOG_OR_METRIC,
    METRIC,
    Context,
    Options,
    Sink,
    Source,
    Transform,
)
from vectorflow_engine.config.errors import ConfigError, convert
from vectorflow_engine.config.graph import DEFAULT_PORT, Shape
from vectorflow_engine.config.model import AckTable, ComponentConfig, Globals
from vectorflow_engine.sinks.blackhole import BlackholeOptions, BlackholeSink
from vectorflow_engine.sinks.console import ConsoleOptions, ConsoleSink
from vectorflow_engine.sinks.file import FileSink, FileSinkOptions
from vectorflow_engine.sinks.http import HttpSink, HttpSinkOptions
from vectorflow_engine.sinks.prometheus_exporter import PrometheusExporterOptions, PrometheusExporterSink
from vectorflow_engine.sources.demo_logs import DemoLogsOptions, DemoLogsSource
from vectorflow_engine.sources.file import FileSource, FileSourceOptions
from vectorflow_engine.sources.http_server import HttpServerOptions, HttpServerSource
from vectorflow_engine.sources.measured import (
    InternalMetricsOptions,
    InternalMetricsSource,
    StaticMetricsOptions,
    StaticMetricsSource,
)
from vectorflow_engine.sources.stdin import StdinOptions, StdinSource
from vectorflow_engine.transforms.conditions import VrlUse
from vectorflow_engine.transforms.dedupe import Dedupe, DedupeOptions
from vectorflow_engine.transforms.log_to_metric import LogToMetric, LogToMetricOptions
from vectorflow_engine.transforms.remap import Remap, RemapOptions
from vectorflow_engine.transforms.routing import (
    ExclusiveRoute,
    ExclusiveRouteOptions,
    Filter,
    FilterOptions,
    Route,
    RouteOptions,
)
from vectorflow_engine.transforms.sample import Sample, SampleOptions
from vectorflow_engine.vrl import VrlDiagnostic, VrlError

Component = Source | Transform | Sink


class Spec(NamedTuple):
    """A component type: its options, its class, the events it takes and gives (None: what it takes)."""

    options: type[Options]
    build: Callable[[Context, Any], Component]
    accepts: frozenset[str] = frozenset()
    gives: frozenset[str] | None = None


SPECS: dict[tuple[str, str], Spec] = {
    ("source", "demo_logs"): Spec(DemoLogsOptions, DemoLogsSource, gives=LOG),
    ("source", "file"): Spec(FileSourceOptions, FileSource, gives=LOG),
    ("source", "http_server"): Spec(HttpServerOptions, HttpServerSource, gives=LOG),
    ("source", "internal_metrics"): Spec(InternalMetricsOptions, InternalMetricsSource, gives=METRIC),
    ("source", "static_metrics"): Spec(StaticMetricsOptions, StaticMetricsSource, gives=METRIC),
    ("source", "stdin"): Spec(StdinOptions, StdinSource, gives=LOG),
    ("transform", "dedupe"): Spec(DedupeOptions, Dedupe, LOG),
    ("transform", "exclusive_route"): Spec(ExclusiveRouteOptions, ExclusiveRoute, LOG_OR_METRIC),
    ("transform", "filter"): Spec(FilterOptions, Filter, LOG_OR_METRIC),
    ("transform", "log_to_metric"): Spec(LogToMetricOptions, LogToMetric, LOG, METRIC),
    ("transform", "remap"): Spec(RemapOptions, Remap, LOG_OR_METRIC),
    ("transform", "route"): Spec(RouteOptions, Route, LOG_OR_METRIC),
    ("transform", "sample"): Spec(SampleOptions, Sample, LOG),
    ("sink", "blackhole"): Spec(BlackholeOptions, BlackholeSink, LOG_OR_METRIC),
    ("sink", "console"): Spec(ConsoleOptions, ConsoleSink, LOG_OR_METRIC),
    ("sink", "file"): Spec(FileSinkOptions, FileSink, LOG_OR_METRIC),
    ("sink", "http"): Spec(HttpSinkOptions, HttpSink, LOG_OR_METRIC),
    ("sink", "prometheus_exporter"): Spec(PrometheusExporterOptions, PrometheusExporterSink, METRIC),
}
_ALIASES = {("source", "http"): "http_server"}


class BufferTable(Options, frozen=True):
    """``buffer`` of a sink: memory only."""

    type: str = "memory"
    max_events: int = 500
    when_full: str = "block"


class HealthcheckTable(Options, frozen=True):
    """``healthcheck`` of a sink: accepted and not done."""

    enabled: bool = True
    uri: str | None = None


def spec_of(component: ComponentConfig) -> Spec:
    """The component's type; raises `ConfigError` for one that is not here."""
    name = _ALIASES.get((component.kind, component.type), component.type)
    spec = SPECS.get((component.kind, name))
    if spec is None:
        known = ", ".join(sorted(each for kind, each in SPECS if kind == component.kind))
        raise ConfigError(
            f"{component.where}: the embedded engine does not run {component.kind}s of type "
            f"`{component.type}`; it runs {known}"
        )
    return spec


def options_of(component: ComponentConfig) -> Options:
    """The component's own options; raises `ConfigError`."""
    return convert(component.options, spec_of(component).options, component.where)


def shape_of(component: ComponentConfig) -> Shape:
    """Ports and event types; raises `ConfigError`."""
    spec = spec_of(component)
    try:
        ports = getattr(options_of(component), "ports", (DEFAULT_PORT,))
    except ConfigError as error:
        raise _named(component, error) from None
    return Shape(() if component.kind == "sink" else ports, spec.accepts, spec.gives)


def vrl_of(component: ComponentConfig) -> list[VrlUse]:
    """Every piece of VRL in the component; raises `ConfigError`."""
    options = options_of(component)
    if not isinstance(
        options, (RemapOptions, FilterOptions, RouteOptions, ExclusiveRouteOptions, SampleOptions)
    ):
        return []
    try:
        return options.vrl()
    except ConfigError as error:
        raise _named(component, error) from None


def vrl_problem(component: ComponentConfig, option: str, found: list[VrlDiagnostic]) -> str:
    """What a person reads when VRL does not compile."""
    lines = [f"  {option}:{each.line}:{each.column} {each.code} {each.message}" for each in found]
    return "\n".join([f"{component.where}: VRL does not compile", *lines])


def build(component: ComponentConfig, context: Context) -> Component:
    """Make the component, without side effects; raises `ConfigError`."""
    try:
        return spec_of(component).build(context, options_of(component))
    except VrlError as error:
        raise ConfigError(vrl_problem(component, "vrl", error.diagnostics)) from None
    except ConfigError as error:
        raise _named(component, error) from None


def buffer_of(component: ComponentConfig) -> BufferTable:
    """The sink's buffer; raises `ConfigError`. Checks the other common options as well."""
    where = component.where
    convert(component.common.get("healthcheck", True), bool | HealthcheckTable, f"{where}: healthcheck")  # type: ignore[arg-type]
    convert(component.common.get("acknowledgements", False), bool | AckTable, f"{where}: acknowledgements")  # type: ignore[arg-type]
    table = convert(component.common.get("buffer", {}), BufferTable, f"{where}: buffer")
    if table.type != "memory":
        raise ConfigError(f"{where}: buffer: the embedded engine has buffers of type `memory` only")
    if table.when_full not in ("block", "drop_newest") or table.max_events < 1:
        raise ConfigError(f"{where}: buffer: `when_full` is block or drop_newest, `max_events` at least 1")
    return table


def acknowledges(component: ComponentConfig, settings: Globals) -> bool:
    """Whether the sink acknowledges: by its own word, else by the global one."""
    own = component.common.get("acknowledgements")
    if isinstance(own, dict):
        own = own.get("enabled")
    return settings.acknowledge if own is None else bool(own)


def _named(component: ComponentConfig, error: ConfigError) -> ConfigError:
    return ConfigError(
        *(
            text if text.startswith(component.where) else f"{component.where}: {text}"
            for text in error.messages
        )
    )
