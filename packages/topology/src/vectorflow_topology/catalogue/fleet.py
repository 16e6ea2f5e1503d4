"""The catalogue of exactly one version of Vector, from what its own binary says about itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue.codecs import EVERY
from vectorflow_topology.catalogue.load import Catalogue, catalogue, in_words
from vectorflow_topology.catalogue.schema import Reader, Schema, refused
from vectorflow_topology.catalogue.types import ComponentSpec, OptionSpec
from vectorflow_topology.document import Kind

_SECTIONS: Mapping[str, Kind] = {"sources": "source", "transforms": "transform", "sinks": "sink"}
_NOT_ROOT = frozenset((*_SECTIONS, "tests"))
_OURS = (
    "sensitive",
    "carries_secret",
    "template",
    "essential",
    "language",
    "length",
    "also",
    "help",
    "title",
)
_PROGRAMS = frozenset(("vrl", "condition"))


def catalogue_from_schema(schema: Any, listing: Any = None, *, version: str) -> Catalogue:
    """Return the catalogue of a version of Vector from its decoded `generate-schema` and `list` output.

    Types, options, choices and what is required come from the schema; titles, ports, event types and
    which options are credentials come from the packaged catalogue where it knows them. With a listing
    only the types in it are kept, because a binary may be built without others. It is as trustworthy
    as who sent it: treat its word as advice until it is confirmed. Raises `SchemaRefused`.
    """
    if not isinstance(schema, Mapping):
        raise refused("A schema is a JSON object; send what vector generate-schema prints.")
    reader = Reader(schema)
    properties = reader.flat(schema).get("properties")
    if not isinstance(properties, Mapping) or not any(section in properties for section in _SECTIONS):
        raise refused(
            "The schema has no sources, transforms or sinks; send what vector generate-schema prints."
        )
    specs: dict[tuple[Kind, str], ComponentSpec] = {}
    for section, kind in _SECTIONS.items():
        compiled = _compiled(listing, section)
        for type_name, flat in _components(reader, properties.get(section)):
            if compiled is None or type_name in compiled:
                specs[kind, type_name] = _component(kind, type_name, flat, reader)
    if not specs:
        raise refused(
            "The schema names no component that the binary has; send schema and list of one binary."
        )
    ours = catalogue()
    root = {
        name: _with_ours(reader.option(inner), ours.root.get(name))
        for name, inner in properties.items()
        if name not in _NOT_ROOT
    }
    return Catalogue(tuple(specs.values()), ours.root | root, ours.codecs, exact=version)


def _compiled(listing: Any, section: str) -> frozenset[str] | None:
    """The types that a listing names, as text or as objects with a name; None without a listing."""
    if listing is None:
        return None
    names = listing.get(section) if isinstance(listing, Mapping) else None
    if not isinstance(names, list):
        raise refused(f"The listing has no {section}; send what vector list --format json prints.")
    named = (each.get("name") if isinstance(each, Mapping) else each for each in names)
    return frozenset(each for each in named if isinstance(each, str))


def _components(reader: Reader, section: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The alternatives of a section's values that have a constant type, with what all have in common."""
    values = reader.flat(reader.flat(section).get("additionalProperties"))
    common = {key: value for key, value in values.items() if key in ("properties", "required")}
    for variant in reader.variants(values):
        own = variant.get("properties", {})
        type_name = reader.flat(own.get("type")).get("const") if isinstance(own, Mapping) else None
        if isinstance(type_name, str):
            properties = {**common.get("properties", {}), **own}
            required = [*common.get("required", ()), *variant.get("required", ())]
            closed = variant.get("unevaluatedProperties", values.get("unevaluatedProperties"))
            flat = {**variant, "properties": properties, "required": required}
            yield type_name, {**flat, "unevaluatedProperties": closed}


def _component(kind: Kind, type_name: str, flat: Schema, reader: Reader) -> ComponentSpec:
    ours = catalogue().get(kind, type_name)
    about = flat.get("_metadata")
    human = about.get("docs::human_name") if isinstance(about, Mapping) else None
    base = ours or ComponentSpec(
        type=type_name,
        kind=kind,
        title=human if isinstance(human, str) else in_words(type_name),
        help="",
        status="",
        category="other",
        input_types=() if kind == "source" else EVERY,
        output_types=() if kind == "sink" else EVERY,
    )
    read = {name: each for name, each in reader.options(flat).items() if name not in ("type", "inputs")}
    options = {name: _with_ours(each, base.options.get(name)) for name, each in read.items()}
    closed = flat.get("unevaluatedProperties") is False
    # Whatever it is called here, this version has it.
    return msgspec.structs.replace(
        base, type=type_name, aliases=(), since=None, removed=None, options=options, closed=closed
    )


def _with_ours(read: OptionSpec, ours: OptionSpec | None) -> OptionSpec:
    """Keep the schema's word on the shape, and ours on what a schema does not say."""
    if ours is None:
        return read
    changes: dict[str, Any] = {name: getattr(ours, name) or getattr(read, name) for name in _OURS}
    if ours.type in _PROGRAMS:
        # A program is a text to the schema, and a condition a union of one text and some objects.
        changes |= {"type": ours.type, "any_of": None, "enum": None, "options": None}
    for name in ("items", "values"):
        if getattr(read, name) is not None:
            changes[name] = _with_ours(getattr(read, name), getattr(ours, name))
    if read.options is not None and "options" not in changes:
        inner = ours.options or {}
        changes["options"] = {key: _with_ours(each, inner.get(key)) for key, each in read.options.items()}
    return msgspec.structs.replace(read, **changes)
