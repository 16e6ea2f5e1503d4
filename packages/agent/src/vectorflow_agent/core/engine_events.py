"""Events as an engine's API hands them out, made into plain values: gRPC since 0.55, GraphQL before.

Bytes that are no text become text with U+FFFD in it, and the event says so. Nothing is redacted here.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from vectorflow_agent.core import protobuf

GRPC_PATH: Final = "/vector.observability.v1.ObservabilityService/StreamOutputEvents"
MOST_FRAME_BYTES: Final = 16 * 1024 * 1024
_TRAILERS: Final = 0x80
_DEEPEST: Final = 64
_KINDS: Final = {1: "log", 2: "metric", 3: "trace"}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GRAPHQL: Final = """subscription T($o:[String!]!,$l:Int!,$i:Int!){
outputEventsByComponentIdPatterns(outputsPatterns:$o,limit:$l,interval:$i){__typename
... on Log{componentId string(encoding:JSON)}
... on Metric{componentId string(encoding:JSON)}
... on Trace{componentId string(encoding:JSON)}
... on EventNotification{message}}}"""
_FIELD: Final = "outputEventsByComponentIdPatterns"


class EngineEvent(msgspec.Struct):
    """One event of an engine. `size` is about how many bytes it takes."""

    component: str
    kind: str
    event: dict[str, Any]
    size: int
    binary: bool = False


def tap_request(outputs: tuple[str, ...], limit: int, interval_ms: int) -> bytes:
    """The body of a call of `StreamOutputEvents`: at most `limit` events, chosen by chance, every interval."""
    patterns = b"".join(protobuf.text_field(1, output.encode()) for output in outputs)
    numbers = protobuf.number_field(3, limit) + protobuf.number_field(4, interval_ms)
    return protobuf.framed(patterns + numbers)


def tap_subscription(outputs: tuple[str, ...], limit: int, interval_ms: int) -> dict[str, Any]:
    """The same as the payload of a GraphQL subscription."""
    return {"query": _GRAPHQL, "variables": {"o": outputs, "l": limit, "i": interval_ms}}


class Frames:
    """Cuts a stream of bytes into gRPC messages; frames of trailers, as gRPC-Web has them, are passed over."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole now. Raises ValueError for one that is too long or compressed."""
        held = self._held
        held += data
        while len(held) >= 5:
            length = int.from_bytes(held[1:5], "big")
            if length > MOST_FRAME_BYTES or held[0] not in {0, _TRAILERS}:
                raise ValueError("not a gRPC message that can be read")
            if len(held) < 5 + length:
                return
            flag, message = held[0], bytes(held[5 : 5 + length])
            del held[: 5 + length]
            if flag == 0:
                yield message


def event_of_grpc(message: bytes) -> EngineEvent | None:
    """The event in a `StreamOutputEventsResponse`; None for a notification. Raises ValueError."""
    for number, tapped in protobuf.fields(message):
        if number == 1 and isinstance(tapped, bytes):
            return _tapped(tapped)
    return None


def events_of_graphql(payload: Any) -> list[EngineEvent]:
    """The events in the payload of a message `data`. Raises ValueError."""
    try:
        listed = payload["data"][_FIELD]
        found = []
        for each in listed:
            kind = str(each.get("__typename", "")).lower()
            if kind not in _KINDS.values():
                continue
            text = str(each["string"])
            event = msgspec.json.decode(text)
            if isinstance(event, dict):
                made = EngineEvent(str(each["componentId"]), kind, event, len(text))
                made.binary = "\ufffd" in text
                found.append(made)
    except (KeyError, TypeError, AttributeError, msgspec.MsgspecError, RecursionError) as error:
        raise ValueError("not a list of events") from error
    return found


def _tapped(tapped: bytes) -> EngineEvent:
    component = kind = ""
    event: dict[str, Any] = {}
    binary = False
    for number, value in protobuf.fields(tapped):
        if number == 1 and isinstance(value, bytes):
            component = value.decode("utf-8", "replace")
        elif number == 4 and isinstance(value, bytes):
            for inner, wrapped in protobuf.fields(value):
                if inner in _KINDS and isinstance(wrapped, bytes):
                    kind = _KINDS[inner]
                    reader = _Reader()
                    event = reader.metric(wrapped) if kind == "metric" else reader.record(wrapped, kind)
                    binary = reader.binary
    return EngineEvent(component, kind, event, len(tapped), binary)


class _Reader:
    """Reads one event, and notes whether something in it was no text."""

    def __init__(self) -> None:
        self.binary = False

    def record(self, message: bytes, kind: str) -> dict[str, Any]:
        """A `Log` or a `Trace`; their metadata stay on the node, since they hold secrets."""
        if kind == "log":
            for value in protobuf.texts(message, 2):
                read = self.value(value, 0)
                return read if isinstance(read, dict) else {"message": read}
        return self.entries(message, 0)

    def entries(self, message: bytes, depth: int) -> dict[str, Any]:
        """A map of names to values, in field 1."""
        made: dict[str, Any] = {}
        for entry in protobuf.texts(message, 1):
            name, value = "", None
            for number, part in protobuf.fields(entry):
                if number == 1 and isinstance(part, bytes):
                    name = self.text(part)
                elif number == 2 and isinstance(part, bytes):
                    value = self.value(part, depth + 1)
            made[name] = value
        return made

    def value(self, message: bytes, depth: int) -> Any:
        """A `Value`."""
        if depth > _DEEPEST:
            return None
        for number, part in protobuf.fields(message):
            match number, part:
                case 1, bytes():
                    return self.text(part)
                case 2, bytes():
                    return _moment(part)
                case 4, int():
                    return protobuf.signed(part)
                case 5, bytes():
                    return _double(part)
                case 6, int():
                    return bool(part)
                case 7, bytes():
                    return self.entries(part, depth)
                case 8, bytes():
                    return [self.value(item, depth + 1) for item in protobuf.texts(part, 1)]
        return None

    def text(self, data: bytes) -> str:
        """Bytes as text."""
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.binary = True
            return data.decode("utf-8", "replace")

    def metric(self, message: bytes) -> dict[str, Any]:
        """A `Metric`, in the form that Vector writes as JSON; of distributions and sketches only the kind."""
        made: dict[str, Any] = {"name": "", "kind": "incremental"}
        tags: dict[str, Any] = {}
        for number, part in protobuf.fields(message):
            match number, part:
                case 1, bytes():
                    made["name"] = self.text(part)
                case 2, bytes():
                    made["timestamp"] = _moment(part)
                case 3 | 20, bytes():
                    tags |= self._tag(part, several=number == 20)
                case 4, int():
                    made["kind"] = "absolute" if part else "incremental"
                case 5 | 6, bytes():
                    numbers = [_double(each) for each in protobuf.texts(part, 1)]
                    made["counter" if number == 5 else "gauge"] = {"value": numbers[0] if numbers else 0.0}
                case 7, bytes():
                    made["set"] = {"values": [self.text(each) for each in protobuf.texts(part, 1)]}
                case 11, bytes():
                    made["namespace"] = self.text(part)
                case ((9 | 13 | 16 | 10 | 14 | 17), bytes()):
                    made[_SUMMED[number]] = _summed(part, old=number in {9, 10})
                case ((8 | 12 | 15), bytes()):
                    made["sketch" if number == 15 else "distribution"] = {}
        if tags:
            made["tags"] = tags
        return made

    def _tag(self, entry: bytes, *, several: bool) -> dict[str, Any]:
        name, value = "", None
        for number, part in protobuf.fields(entry):
            if number == 1 and isinstance(part, bytes):
                name = self.text(part)
            elif number == 2 and isinstance(part, bytes) and several:
                many = [
                    next((self.text(text) for text in protobuf.texts(each, 1)), None)
                    for each in protobuf.texts(part, 1)
                ]
                value = many[0] if len(many) == 1 else many
            elif number == 2 and isinstance(part, bytes):
                value = self.text(part)
        return {name: value}


_SUMMED: Final = {
    9: "aggregated_histogram",
    13: "aggregated_histogram",
    16: "aggregated_histogram",
    10: "aggregated_summary",
    14: "aggregated_summary",
    17: "aggregated_summary",
}


def _summed(message: bytes, *, old: bool) -> dict[str, Any]:
    """Count and sum of a histogram or summary, which the oldest form numbers otherwise."""
    count_at, sum_at = (3, 4) if old else (2, 3)
    made: dict[str, Any] = {"count": 0, "sum": 0.0}
    for number, part in protobuf.fields(message):
        if number == count_at and isinstance(part, int):
            made["count"] = part
        elif number == sum_at and isinstance(part, bytes):
            made["sum"] = _double(part)
    return made


def _double(data: bytes) -> float | None:
    (value,) = struct.unpack("<d", data) if len(data) == 8 else (0.0,)
    return value if value - value == 0 else None  # neither infinite nor NaN, which JSON has not


def _moment(message: bytes) -> str | None:
    seconds = nanos = 0
    for number, part in protobuf.fields(message):
        if isinstance(part, int):
            seconds, nanos = (protobuf.signed(part), nanos) if number == 1 else (seconds, part)
    try:
        moment = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        return None
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
