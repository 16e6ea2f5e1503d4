"""From the JSON Schema that `vector generate-schema` prints to options of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from vectorflow_topology.catalogue.types import OptionSpec, OptionType
from vectorflow_topology.findings import FindingsError, error

Schema = Mapping[str, Any]

MAX_DEPTH = 32
"""How deep a schema may nest; what lies deeper is taken for any value."""

MAX_NODES = 500_000
"""How many parts of a schema are looked at."""

_ANY = OptionSpec(type="any")
_REF = "#/definitions/"
_TYPES: dict[str, OptionType] = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean",
    "array": "array", "object": "object",
}  # fmt: skip


class SchemaRefused(FindingsError):
    """What was handed over is not the schema of a Vector; the findings say why."""


def refused(message: str) -> SchemaRefused:
    """Build the refusal of a schema."""
    return SchemaRefused([error("catalogue.schema", message)])


class Reader:
    """Reads the parts of one schema; each definition is read once."""

    def __init__(self, schema: Schema) -> None:
        found = schema.get("definitions", schema.get("$defs", {}))
        self._definitions: Schema = found if isinstance(found, Mapping) else {}
        self._known: dict[str, OptionSpec] = {}
        self._open: set[str] = set()
        self._nodes = 0

    def flat(self, schema: Any, depth: int = 0) -> dict[str, Any]:
        """Return a schema with its references followed and everything in `allOf` put together."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise refused("The schema is larger than any that Vector writes.")
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return {}
        merged: dict[str, Any] = {}
        reference = schema.get("$ref")
        parts = [self._definitions.get(_name(reference))] if isinstance(reference, str) else []
        for part in [*parts, *_list(schema.get("allOf"))]:
            _merge(merged, self.flat(part, depth + 1))
        _merge(merged, {key: value for key, value in schema.items() if key not in ("$ref", "allOf")})
        return merged

    def option(self, schema: Any, depth: int = 0) -> OptionSpec:
        """Return what an option of this schema may hold."""
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
            return _ANY
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return self._described(self._shape(self.flat(schema), depth), schema)
        if reference in self._open:  # a definition within itself
            return _ANY
        if reference not in self._known:
            self._open.add(reference)
            target = self._definitions.get(_name(reference))
            self._known[reference] = self.option(target, depth + 1)
            self._open.discard(reference)
        return self._described(self._known[reference], schema)

    def options(self, flat: Schema, depth: int = 0) -> dict[str, OptionSpec]:
        """Return the options of a flat object, those of its variants with the tag that calls for them."""
        required = set(_list(flat.get("required")))
        found = {
            name: self._named(inner, name in required, depth)
            for name, inner in _mapping(flat.get("properties")).items()
        }
        tag = _metadata(flat).get("docs::enum_tag_field")
        for variant in self.variants(flat):
            self._take_variant(found, variant, tag, depth)
        return found

    def variants(self, flat: Schema) -> Iterator[dict[str, Any]]:
        """Return the alternatives of a flat schema but for null, each flat."""
        for each in (*_list(flat.get("oneOf")), *_list(flat.get("anyOf"))):
            variant = self.flat(each)
            if variant.get("type") != "null":
                yield variant

    def _take_variant(self, found: dict[str, OptionSpec], variant: Schema, tag: Any, depth: int) -> None:
        choices = _choices(self.flat(_mapping(variant.get("properties")).get(tag))) if tag else ()
        when = " or ".join(f'{tag} = "{choice}"' for choice in choices) or None
        for name, option in self.options(variant, depth + 1).items():
            other = found.get(name)
            if name == tag:
                enum = tuple(dict.fromkeys((*(other.enum or () if other else ()), *choices)))
                found[name] = msgspec.structs.replace(option, type="string", enum=enum or None)
            elif other is None:
                keep = option.required and when is not None
                found[name] = msgspec.structs.replace(option, required=keep, relevant_when=when)
            elif other.relevant_when and when:
                found[name] = msgspec.structs.replace(other, relevant_when=f"{other.relevant_when} or {when}")

    def _named(self, schema: Any, required: bool, depth: int) -> OptionSpec:
        option = self.option(schema, depth + 1)
        has_default = option.default is not msgspec.UNSET
        return msgspec.structs.replace(option, required=required and not has_default)

    def _shape(self, flat: Schema, depth: int) -> OptionSpec:
        choices = _choices(flat)
        if choices:
            return OptionSpec(type="string", enum=choices)
        variants = list(self.variants(flat))
        if variants and not flat.get("properties"):
            if len(variants) == 1:
                return self._described(self._shape(variants[0], depth + 1), variants[0])
            each_choices = [_choices(variant) for variant in variants]
            if all(each_choices):
                return OptionSpec(type="string", enum=tuple(c for cs in each_choices for c in cs))
            if not _metadata(flat).get("docs::enum_tag_field"):
                any_of = tuple(self._shape(variant, depth + 1) for variant in variants)
                return OptionSpec(type="union", any_of=any_of)
        return self._plain(flat, bool(variants), depth)

    def _plain(self, flat: Schema, has_variants: bool, depth: int) -> OptionSpec:
        names = [name for name in _list_or_one(flat.get("type")) if name != "null"]
        if depth > MAX_DEPTH or (len(names) != 1 and not has_variants and not flat.get("properties")):
            return OptionSpec(type="any")
        kind = _TYPES.get(names[0], "any") if names else "object"
        if kind == "array":
            items = flat.get("items")
            return OptionSpec(type="array", items=self.option(items, depth + 1) if items else None)
        if kind == "integer" and not (isinstance(flat.get("minimum"), int | float) and flat["minimum"] >= 0):
            return OptionSpec(type="integer", signed=True)
        if kind != "object":
            return OptionSpec(type=kind)
        free = flat.get("additionalProperties")
        values = self.option(free, depth + 1) if isinstance(free, Mapping) else None
        if flat.get("properties") or has_variants:
            return OptionSpec(type="object", options=self.options(flat, depth + 1), values=values)
        return OptionSpec(type="map", values=values)

    def _described(self, option: OptionSpec, schema: Schema) -> OptionSpec:
        """Add what stands beside the shape: default, unit, deprecation."""
        about = _metadata(schema)
        changes: dict[str, Any] = {}
        if schema.get("default") is not None:
            changes["default"] = schema["default"]
        if isinstance(about.get("docs::type_unit"), str):
            changes["unit"] = about["docs::type_unit"]
        for key, field in (("docs::hidden", "hidden"), ("docs::templateable", "template")):
            if about.get(key):
                changes[field] = True
        if schema.get("deprecated") or "deprecated_message" in about:
            changes["deprecated"] = True
        return msgspec.structs.replace(option, **changes) if changes else option


def _merge(into: dict[str, Any], other: Schema) -> None:
    for key, value in other.items():
        if key in ("properties", "_metadata") and isinstance(value, Mapping):
            into[key] = {**_mapping(into.get(key)), **value}
        elif key in ("required", "oneOf", "anyOf"):
            into[key] = [*_list(into.get(key)), *_list(value)]
        else:
            into[key] = value


def _choices(flat: Schema) -> tuple[str, ...]:
    found = [flat["const"]] if "const" in flat else _list(flat.get("enum"))
    return tuple(each for each in found if isinstance(each, str))


def _metadata(schema: Schema) -> Schema:
    return _mapping(schema.get("_metadata"))


def _name(reference: str) -> str:
    return reference.removeprefix(_REF).removeprefix("#/$defs/")


def _mapping(value: Any) -> Schema:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _list_or_one(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else _list(value)
