"""Reading the data files and answering questions about components."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import msgspec
import yaml

from vectorflow_topology.catalogue.codecs import input_types, port_types
from vectorflow_topology.catalogue.resources import resources_of
from vectorflow_topology.catalogue.sensitive import sensitive_paths
from vectorflow_topology.catalogue.types import ComponentSpec, EventType, OptionSpec, Port, Resource
from vectorflow_topology.document import Component, Kind
from vectorflow_topology.findings import Path

CATALOGUE_VERSION = "0.58.0"
"""The newest version of Vector that the catalogue knows."""

OLDEST_VERSION = "0.54.0"
"""The oldest version of Vector that the catalogue answers for."""

_KINDS: tuple[Kind, ...] = ("source", "transform", "sink")


class Catalogue:
    """All component types, by kind and type. The packaged one is made once by `catalogue()` and never changed.

    `exact` is the version of Vector that a catalogue from the fleet is for; None answers for a range.
    """

    def __init__(
        self,
        specs: tuple[ComponentSpec, ...],
        root: dict[str, OptionSpec],
        codecs: Mapping[str, Any],
        *,
        exact: str | None = None,
    ) -> None:
        self.components: tuple[ComponentSpec, ...] = specs
        self.root: dict[str, OptionSpec] = root
        """The settings at the root of the configuration: globals and enrichment tables."""
        self.version = exact or CATALOGUE_VERSION
        self.exact = exact
        self.codecs = codecs
        self._by_type = {(spec.kind, name): spec for spec in specs for name in (*spec.aliases, spec.type)}

    def get(self, kind: Kind, type: str) -> ComponentSpec | None:
        """Return the entry of a type or of an older name for it, None when it is not known."""
        return self._by_type.get((kind, type))

    def spec(self, component: Component) -> ComponentSpec | None:
        """Return the entry of a component's type, None when it is not known."""
        return self._by_type.get((component.kind, component.type))

    def ports(self, component: Component) -> list[Port]:
        """Return the outputs that a component has with its present options; the default one first.

        A type that is not known is taken to have a default output for every type of event.
        """
        return port_types(self.spec(component), component, self.codecs)

    def inputs(self, component: Component) -> tuple[EventType, ...]:
        """Return the types of events that a component takes with its present options."""
        return input_types(self.spec(component), component, self.codecs)

    def resources(self, component: Component) -> list[Resource]:
        """Return the addresses, socket paths and descriptors that a component takes for itself."""
        return resources_of(self.spec(component), component)

    def sensitive_paths(self, component: Component) -> list[Path]:
        """Return the paths of the options present that hold credentials."""
        return sensitive_paths(self.spec(component), component.options)

    @functools.cached_property
    def json(self) -> bytes:
        """The whole catalogue as JSON, for the public API."""
        return msgspec.json.encode(
            {"version": self.version, "components": self.components, "root": self.root}
        )

    @functools.cached_property
    def digest(self) -> str:
        """The SHA-256 of `json`, in hex: changes when anything in the catalogue does."""
        return hashlib.sha256(self.json).hexdigest()


@functools.cache
def catalogue() -> Catalogue:
    """Return the packaged catalogue, read at the first call."""
    root = resources.files(__package__)
    blocks = {
        entry.name.removesuffix(".yaml"): _read(entry.read_bytes())
        for entry in root.joinpath("shared").iterdir()
        if entry.name.endswith(".yaml")
    }
    codecs, settings = blocks.pop("codecs"), blocks.pop("root")
    expander = _Expander(blocks)
    specs = [
        expander.component(_read(entry.read_bytes()))
        for kind in _KINDS
        for entry in sorted(root.joinpath(f"{kind}s").iterdir(), key=lambda e: e.name)
        if entry.name.endswith(".yaml")
    ]
    return Catalogue(tuple(specs), expander.options(settings["options"]), codecs)


def _read(raw: bytes) -> dict[str, Any]:
    read: dict[str, Any] = yaml.load(raw, Loader=yaml.CSafeLoader)
    return read


class _Expander:
    """Puts shared blocks where they are used and fills in titles."""

    def __init__(self, blocks: dict[str, Any]) -> None:
        self._blocks = blocks
        self._done: dict[str, Any] = {}

    def component(self, raw: dict[str, Any]) -> ComponentSpec:
        common = self._blocks[f"every_{raw['kind']}"]["options"]
        raw["options"] = self._options(
            {**raw["options"], **{k: v for k, v in common.items() if k not in raw["options"]}}
        )
        return msgspec.convert(raw, ComponentSpec)

    def options(self, raw: dict[str, Any]) -> dict[str, OptionSpec]:
        return msgspec.convert(self._options(raw), dict[str, OptionSpec])

    def _options(self, options: dict[str, Any]) -> dict[str, Any]:
        return {name: self._option(option, name) for name, option in options.items()}

    def _option(self, option: dict[str, Any], name: str = "") -> dict[str, Any]:
        option = dict(option)
        block = option.pop("use", None)
        if block is not None:
            option = {"type": "object", "options": self._block(block), **option}
        elif "options" in option:
            option["options"] = self._options(option["options"])
        for inner in ("items", "values"):
            if inner in option:
                option[inner] = self._option(option[inner])
        if name and "title" not in option:
            option["title"] = in_words(name)
        return option

    def _block(self, block: str) -> dict[str, Any]:
        if block not in self._done:
            self._done[block] = self._options(self._blocks[block]["options"])
        expanded: dict[str, Any] = self._done[block]
        return expanded


_ENDINGS = (("_secs", ""), ("_seconds", ""), ("_ms", ""))
_CAPITALS = {
    "id": "id",
    "url": "URL",
    "uri": "URI",
    "ttl": "TTL",
    "http": "HTTP",
    "https": "HTTPS",
    "tls": "TLS",
}


def in_words(name: str) -> str:
    """Turn an option's name into a title: `max_read_bytes` becomes "Max read bytes"."""
    for ending, instead in _ENDINGS:
        name = name.removesuffix(ending) + instead if name.endswith(ending) else name
    words = [_CAPITALS.get(word, word) for word in name.split("_") if word]
    text = " ".join(words)
    return text[:1].upper() + text[1:]
