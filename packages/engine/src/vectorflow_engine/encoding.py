"""Events to bytes (``encoding``, ``framing``) and bytes to events (``decoding``), as far as the engine goes."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from vectorflow_engine.component import Options
from vectorflow_engine.events import Metric, json_encoder


class JsonOptions(Options, frozen=True):
    """``encoding.json``."""

    pretty: bool = False


class EncodingOptions(Options, frozen=True):
    """``encoding``: the codec and which fields it may show."""

    codec: Literal["json", "text", "raw_message"]
    json: JsonOptions = JsonOptions()
    only_fields: list[str] | None = None
    except_fields: list[str] | None = None


class CharacterDelimited(Options, frozen=True):
    """``framing.character_delimited``."""

    delimiter: str


class NewlineDelimited(Options, frozen=True):
    """``framing.newline_delimited``."""

    max_length: int | None = None


class FramingOptions(Options, frozen=True):
    """``framing``: what stands between events."""

    method: Literal["newline_delimited", "bytes", "character_delimited"]
    character_delimited: CharacterDelimited | None = None
    newline_delimited: NewlineDelimited | None = None

    @property
    def separator(self) -> bytes:
        """The bytes between two events."""
        if self.method == "character_delimited" and self.character_delimited is not None:
            return self.character_delimited.delimiter.encode()
        return b"\n" if self.method == "newline_delimited" else b""


Encode = Callable[[Any], bytes]


def encoder(options: EncodingOptions) -> Encode:
    """The function that writes one event."""
    if options.codec != "json":
        return _text
    dump = json_encoder.encode
    if options.json.pretty:
        return lambda event: msgspec.json.format(dump(_document(event, options)), indent=2)
    if options.only_fields is None and not options.except_fields:
        return lambda event: dump(event) if type(event) is dict else dump(event.document())
    return lambda event: dump(_document(event, options))


def _document(event: Any, options: EncodingOptions) -> dict[str, Any]:
    document: dict[str, Any] = event.document() if isinstance(event, Metric) else event
    if options.only_fields is not None:
        wanted = {name.lstrip(".") for name in options.only_fields}
        document = {key: value for key, value in document.items() if key in wanted}
    if options.except_fields:
        hidden = {name.lstrip(".") for name in options.except_fields}
        document = {key: value for key, value in document.items() if key not in hidden}
    return document


def _text(event: Any) -> bytes:
    if isinstance(event, Metric):
        tags = ",".join(f'{key}="{value}"' for key, value in sorted(event.tags.items()))
        name = f"{event.namespace}_{event.name}" if event.namespace else event.name
        sign = "=" if event.kind == "absolute" else "+"
        return f"{name}{{{tags}}} {sign} {event.value:g}".encode()
    value = event.get("message", "")
    return value.encode() if isinstance(value, str) else json_encoder.encode(value)


class DecodingJson(Options, frozen=True):
    """``decoding.json``."""

    lossy: bool = True


class DecodingOptions(Options, frozen=True):
    """``decoding``: how a frame becomes an event."""

    codec: Literal["bytes", "json"] = "bytes"
    json: DecodingJson = DecodingJson()


class Malformed(ValueError):
    """A frame is no valid event."""


_json = msgspec.json.Decoder()


def decode(frame: bytes, options: DecodingOptions) -> list[dict[str, Any]]:
    """The events in one frame; raises `Malformed`."""
    if options.codec == "bytes":
        return [{"message": frame.decode("utf-8", "replace")}]
    if not frame.strip():
        return []
    try:
        value = _json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"not valid JSON: {error}") from None
    many = value if isinstance(value, list) else [value]
    if not all(isinstance(each, dict) for each in many):
        raise Malformed("a JSON event must be an object")
    return many


def frames(body: bytes, options: FramingOptions | None) -> list[bytes]:
    """A whole body cut into frames (newlines when nothing else is said)."""
    separator = b"\n" if options is None else options.separator
    if not separator:
        return [body] if body else []
    parts = body.split(separator)
    if not parts[-1]:
        parts.pop()
    longest = options.newline_delimited.max_length if options and options.newline_delimited else None
    return parts if longest is None else [part for part in parts if len(part) <= longest]
