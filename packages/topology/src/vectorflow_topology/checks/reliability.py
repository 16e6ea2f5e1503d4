"""What runs, but loses events or refuses to start under circumstances that are easily seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vectorflow_topology.catalogue import Catalogue, ComponentSpec, OptionSpec
from vectorflow_topology.checks.outputs import fed_by
from vectorflow_topology.compiler.types import Rendered, Target, version_key
from vectorflow_topology.document import Component
from vectorflow_topology.findings import Finding, Path, error, note, warning

SMALLEST_DISK_BUFFER = 268_435_488
"""The least that Vector accepts for a buffer on disk, in bytes."""

# Options whose text decides where events go; in others a bare template is harmless.
_DESTINATIONS = frozenset(
    (
        "path", "key_prefix", "topic", "index", "tenant_id", "group_name", "stream_name", "subject", "uri",
        "exchange", "routing_key", "key", "blob_prefix", "database", "table", "dataset", "endpoint", "log_id",
    )
)  # fmt: skip


def reliability_findings(
    components: list[Component], rendered: Rendered, known: Catalogue, target: Target
) -> Iterator[Finding]:
    """Judge buffers, templates and acknowledgements of enabled components."""
    acknowledging = _fed_by_acknowledging(components, rendered, known)
    yield from _blocking(components, rendered)
    everywhere = _is_on(rendered.config.get("acknowledgements"))
    for component in components:
        spec = known.spec(component)
        if component.kind == "sink":
            yield from _buffer(component)
            if component.id in acknowledging and not everywhere and not _acknowledges(component):
                message = (
                    f"{component.id} does not acknowledge, so {acknowledging[component.id]} takes events as delivered "
                    "that are still on their way. Set acknowledgements.enabled."
                )
                fix = {
                    "action": "set_option",
                    "component": component.id,
                    "path": ["acknowledgements"],
                    "value": {"enabled": True},
                }
                yield note("reliability.no-acknowledgement", message, component.id, fix=fix)
        if spec is not None and spec.confined and version_key(target.vector_version) >= (0, 57, 0):
            yield from _templates(component, spec)


def _blocking(components: list[Component], rendered: Rendered) -> Iterator[Finding]:
    """Where one sink may drop and another beside it may not, the one that waits holds up both."""
    sinks = {component.id: component for component in components if component.kind == "sink"}
    beside: dict[tuple[str, str], list[str]] = {}
    for name in sinks:
        for output in rendered.inputs.get(name, ()):
            beside.setdefault(output, []).append(name)
    told: set[str] = set()
    for names in beside.values():
        dropping = [name for name in names if _drops(sinks[name])]
        for name in names if dropping else ():
            if name not in told and not _drops(sinks[name]):
                told.add(name)
                message = (
                    f"When {name} stands still, {dropping[0]} gets no events either, although it would rather drop "
                    "than wait. Let both drop, or give this one a buffer on disk."
                )
                if not _on_disk(sinks[name]):
                    yield note("reliability.blocking", message, name, ("buffer",))


def _drops(component: Component) -> bool:
    buffer = component.options.get("buffer")
    return isinstance(buffer, Mapping) and buffer.get("when_full") == "drop_newest"


def _on_disk(component: Component) -> bool:
    buffer = component.options.get("buffer")
    return isinstance(buffer, Mapping) and buffer.get("type") == "disk"


def _buffer(component: Component) -> Iterator[Finding]:
    buffer = component.options.get("buffer")
    if not isinstance(buffer, Mapping):
        return
    size = buffer.get("max_size")
    if buffer.get("type") == "disk":
        if isinstance(size, int) and size < SMALLEST_DISK_BUFFER:
            message = f"A buffer on disk has at least {SMALLEST_DISK_BUFFER} bytes; this has {size}."
            fix = {
                "action": "set_option",
                "component": component.id,
                "path": ["buffer", "max_size"],
                "value": SMALLEST_DISK_BUFFER,
            }
            yield error("buffer.too-small", message, component.id, ("buffer", "max_size"), fix=fix)
        if "max_events" in buffer:
            message = "A buffer on disk is limited by max_size only; remove max_events."
            yield error("buffer.max-events", message, component.id, ("buffer", "max_events"))
    elif "max_events" in buffer and "max_size" in buffer:
        message = "A buffer in memory is limited by max_events or by max_size, not by both."
        yield error("buffer.two-limits", message, component.id, ("buffer", "max_size"))


def _templates(component: Component, spec: ComponentSpec) -> Iterator[Finding]:
    if component.options.get("dangerously_allow_unconfined_template_resolution") is True:
        return
    if component.options.get("base_dir"):
        return
    for path, text in _routing_templates(spec.options, component.options, ()):
        if text.lstrip().startswith("{{"):
            message = (
                f"{'.'.join(map(str, path))} begins with an event field, so an event could name any destination; "
                "Vector refuses that from 0.57 on. Begin with fixed text."
            )
            yield warning("template.unconfined", message, component.id, path)


def _routing_templates(
    specs: Mapping[str, OptionSpec], options: Mapping[str, Any], path: Path
) -> Iterator[tuple[Path, str]]:
    for key, value in options.items():
        spec = specs.get(key)
        if spec is None:
            continue
        if isinstance(value, str) and spec.template and key in _DESTINATIONS:
            yield (*path, key), value
        elif isinstance(value, Mapping) and spec.options:
            yield from _routing_templates(spec.options, value, (*path, key))


def _fed_by_acknowledging(
    components: list[Component], rendered: Rendered, known: Catalogue
) -> dict[str, str]:
    """Map each component to one acknowledging source upstream of it, if there is any."""
    found: dict[str, str] = {}
    waiting = []
    fed = fed_by(rendered.inputs)
    for component in components:
        spec = known.spec(component)
        if spec is not None and spec.acknowledges:
            waiting.append((component.id, component.id))
    while waiting:
        name, source = waiting.pop()
        for target in fed.get(name, ()):
            if target not in found:
                found[target] = source
                waiting.append((target, source))
    return found


def _acknowledges(component: Component) -> bool:
    return _is_on(component.options.get("acknowledgements"))


def _is_on(setting: Any) -> bool:
    return setting is True or (isinstance(setting, Mapping) and setting.get("enabled") is True)
