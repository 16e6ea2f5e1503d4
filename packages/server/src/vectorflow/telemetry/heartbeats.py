"""Reading a heartbeat: everything an agent can say is bounded and cleaned here. Pure.

The limits stand once, in `_LIMITS`, and are used twice. An honest agent's heartbeat is checked against them while it
is decoded, which costs next to nothing. Any other is decoded as the protocol allows and then made to fit, so that
one bad value costs neither the rest of the heartbeat nor the flush of the other nodes.
"""

import types
import typing
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Annotated, Any, Final, cast

import msgspec

from vectorflow.platform.logs import clean_text
from vectorflow_wire.messages import HeartbeatRequest

MOST_PIPELINES: Final = 200
MOST_COMPONENTS: Final = 1000
MOST_OUTPUTS: Final = 200
MOST_BUCKETS: Final = 40
BIGINT: Final = 2**63 - 1
LAST_MOMENT: Final = 253_402_300_799_000
"""The last second of the year 9999, epoch milliseconds."""

_INTEGER: Final = 2**31 - 1
_TEXT: Final = 128
# Texts by their longest, numbers by their greatest, lists and mappings by how many they may hold; by field name.
_LIMITS: Final[dict[str, int]] = {
    "state": 40,
    "desired": 40,
    "kind": 40,
    "version": 100,
    "message": 2000,
    "number": _INTEGER,
    "issue": _INTEGER,
    "pid": _INTEGER,
    "restarts": _INTEGER,
    "started_at": LAST_MOMENT,
    "counters_at": LAST_MOMENT,
    "counters_since": LAST_MOMENT,
    "pipelines": MOST_PIPELINES,
    "components": MOST_COMPONENTS,
    "sent_events": MOST_OUTPUTS,
    "buckets": MOST_BUCKETS,
}
_MAY_BE_NEGATIVE: Final = frozenset({"clock_offset_ms"})


def read(body: bytes) -> HeartbeatRequest:
    """Decode a heartbeat within its limits. Raises `msgspec.MsgspecError` and `UnicodeDecodeError`."""
    # Without escapes and control characters in the body there are none in its texts.
    if body.isascii() and b"\\" not in body and b"\x7f" not in body:
        try:
            return _HONEST.decode(body)
        except msgspec.ValidationError:
            pass
    return fitted(_LENIENT.decode(body))


def fitted(request: HeartbeatRequest) -> HeartbeatRequest:
    """Return the heartbeat with every text cleaned and cut, every number within its column, every list cut."""
    return cast("HeartbeatRequest", _FIT(request))


def _strict(kind: Any, name: str) -> Any:
    """Return a type that decodes the same and refuses what is beyond the limits."""
    if kind is str:
        return Annotated[str, msgspec.Meta(max_length=_LIMITS.get(name, _TEXT))]
    if kind is int:
        lowest = -BIGINT if name in _MAY_BE_NEGATIVE else 0
        return Annotated[int, msgspec.Meta(ge=lowest, le=_LIMITS.get(name, BIGINT))]
    inner = typing.get_args(kind)
    match typing.get_origin(kind):
        case types.UnionType:
            return _strict(inner[0], name) | None
        case origin if origin is tuple:
            several = types.GenericAlias(tuple, (_strict(inner[0], name), ...))
            return Annotated[several, msgspec.Meta(max_length=_LIMITS[name])]
        case origin if origin is dict:
            pairs = types.GenericAlias(dict, (_strict(inner[0], ""), _strict(inner[1], "")))
            return Annotated[pairs, msgspec.Meta(max_length=_LIMITS[name])]
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return kind
    fields: list[Any] = []
    for each in msgspec.structs.fields(kind):
        default = each.default
        if each.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=each.default_factory)
        strict = _strict(each.type, each.name)
        fields.append((each.name, strict) if each.required else (each.name, strict, default))
    # Heartbeats hold no cycles, so the collector of cycles need not look at them.
    return msgspec.defstruct(
        kind.__name__, fields, bases=(kind,), frozen=True, kw_only=True, omit_defaults=True, gc=False
    )


def _fitter(kind: Any, name: str) -> Callable[[Any], Any]:
    """Return a function that makes a value of a type fit, and returns it itself when it fits already."""
    if kind is str:
        return partial(_fit_text, most=_LIMITS.get(name, _TEXT))
    if kind is int:
        lowest = -BIGINT if name in _MAY_BE_NEGATIVE else 0
        return partial(_fit_number, lowest=lowest, most=_LIMITS.get(name, BIGINT))
    inner = typing.get_args(kind)
    match typing.get_origin(kind):
        case types.UnionType:
            fit = _fitter(inner[0], name)
            return lambda value: None if value is None else fit(value)
        case origin if origin is tuple:
            each, most = _fitter(inner[0], name), _LIMITS[name]
            return lambda value: tuple([each(item) for item in value[:most]])
        case origin if origin is dict:
            key, item = _fitter(inner[0], ""), _fitter(inner[1], "")
            most = _LIMITS[name]
            return lambda value: {key(one): item(other) for one, other in islice(value.items(), most)}
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return lambda value: value
    fields = [(field.name, _fitter(field.type, field.name)) for field in msgspec.structs.fields(kind)]
    return partial(_fit_struct, fields=fields)


def _fit_text(value: str, *, most: int) -> str:
    if len(value) <= most and value.isascii() and value.isprintable():
        return value
    # Cut before it is cleaned as well: a text may be a megabyte long.
    return clean_text(value[:most])[:most]


def _fit_number(value: int, *, lowest: int, most: int) -> int:
    return value if lowest <= value <= most else max(lowest, min(value, most))


def _fit_struct(value: Any, *, fields: list[tuple[str, Callable[[Any], Any]]]) -> Any:
    changed = {}
    for name, fit in fields:
        before = getattr(value, name)
        after = fit(before)
        if after is not before:
            changed[name] = after
    return msgspec.structs.replace(value, **changed) if changed else value


STRICT: Final[Any] = _strict(HeartbeatRequest, "")
"""A `HeartbeatRequest` that is within the limits, else a `msgspec.ValidationError`."""
_HONEST: Final = cast("msgspec.json.Decoder[HeartbeatRequest]", msgspec.json.Decoder(STRICT))
_FIT: Final = _fitter(HeartbeatRequest, "")
_LENIENT: Final = msgspec.json.Decoder(HeartbeatRequest)
