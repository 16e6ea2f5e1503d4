"""The shape of a catalogue entry: what a data file may say, and what the web application is told.

A data file is the YAML form of `ComponentSpec`. Two keys exist only in files: `use: <block>` takes
type and nested options from `shared/<block>.yaml`, and titles may be left out where the name in plain
words will do. Every kind also gets the options of `shared/every_<kind>.yaml`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from vectorflow_topology.document import Kind

EventType = Literal["log", "metric", "trace"]
OptionType = Literal[
    "string", "integer", "number", "boolean", "array", "object", "map", "union", "condition", "vrl", "any"
]


class OptionSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """One option.

    `object` has named `options` and, if `values` is given too, further keys of that form; `map` has
    free keys with `values`; `array` has `items`; `union` is any of `any_of`. `also` names other types
    that Vector reads as a short or long form. `relevant_when` and `required_when` compare siblings:
    `codec = "csv" or codec = "text"`. `one_of` lists groups of nested options of which one must be
    given. `sensitive` values are credentials; values that `carries_secret` may hold one among other
    text. `template` values may use event fields. Versions are Vector's, the first (`since`) with the
    option and the first (`removed`) without it.
    """

    type: OptionType
    title: str = ""
    help: str = ""
    required: bool = False
    essential: bool = False
    default: Any = msgspec.UNSET
    enum: tuple[str, ...] | None = None
    unit: str | None = None
    sensitive: bool = False
    carries_secret: bool = False
    template: bool = False
    language: str | None = None
    signed: bool = False
    length: int | None = None
    also: tuple[OptionType, ...] = ()
    since: str | None = None
    removed: str | None = None
    deprecated: bool = False
    replaced_by: str | None = None
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    relevant_when: str | None = None
    required_when: str | None = None
    one_of: tuple[tuple[str, ...], ...] = ()
    items: OptionSpec | None = None
    options: dict[str, OptionSpec] | None = None
    values: OptionSpec | None = None
    any_of: tuple[OptionSpec, ...] | None = None


class ResourceSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True, forbid_unknown_fields=True):
    """Something a component takes for itself: the address in `option`, or the fixed `port`."""

    protocol: Literal["tcp", "udp", "unix", "fd"]
    option: str | None = None
    port: int | None = None
    when: str | None = None


class ComponentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One type of source, transform or sink.

    `codec` names the option whose codec narrows the event types. `closed` components refuse options
    they do not know. `confined` sinks refuse templates without a fixed beginning from Vector 0.57 on.
    `stateful` says what a second instance would trip over: a checkpoint, or events held back.
    """

    type: str
    kind: Kind
    title: str
    help: str
    status: str
    category: str
    since: str | None = None
    removed: str | None = None
    aliases: tuple[str, ...] = ()
    input_types: tuple[EventType, ...] = ()
    output_types: tuple[EventType, ...] = ()
    codec: Literal["decoding", "encoding"] | None = None
    ports: str = "default"
    resources: tuple[ResourceSpec, ...] = ()
    acknowledges: bool = False
    stateful: Literal["checkpoint", "buffer"] | None = None
    closed: bool = False
    confined: bool = False
    one_of: tuple[tuple[str, ...], ...] = ()
    options: dict[str, OptionSpec] = {}


class Port(msgspec.Struct, frozen=True):
    """A named output and the types of events that can leave by it."""

    name: str
    types: tuple[EventType, ...]


class Resource(msgspec.Struct, frozen=True):
    """What a component takes for itself: an address for `tcp` and `udp`, a path for `unix`, a number for `fd`.

    `port` is 0 where there is none.
    """

    protocol: str
    host: str
    port: int
