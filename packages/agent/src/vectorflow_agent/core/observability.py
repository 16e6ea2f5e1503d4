"""What Vector's own API says about its components: GraphQL up to 0.54, gRPC since 0.55.

Of the gRPC messages only one field is needed, so they are read here without generated code.
"""

from collections.abc import Iterator
from typing import Any, Final

GRPC_SINCE: Final = (0, 55)
GRPC_PATH: Final = "/vector.observability.v1.ObservabilityService/GetComponents"
GRAPHQL_PATH: Final = "/graphql"
GRAPHQL_QUERY: Final = "{components(first:100000){edges{node{componentId}}}}"

_LIMIT: Final = b"\x08\xa0\x8d\x06"
"""`GetComponentsRequest` with its field `limit` at 100,000."""


def speaks_grpc(version: str) -> bool:
    """Whether this version of Vector has the gRPC API. One whose version cannot be read counts as new."""
    parts = version.split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        return True
    return (int(parts[0]), int(parts[1])) >= GRPC_SINCE


def components_request() -> bytes:
    """The body of a gRPC call: no compression, length, message."""
    return b"\0" + len(_LIMIT).to_bytes(4, "big") + _LIMIT


def components_of_grpc(body: bytes) -> frozenset[str]:
    """Component ids in a `GetComponentsResponse` with its frame. Raises ValueError."""
    if len(body) < 5 or body[0] != 0 or len(body) < 5 + int.from_bytes(body[1:5], "big"):
        raise ValueError("not a whole gRPC message")
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    return frozenset(
        identifier.decode("utf-8")
        for number, component in _fields(message)
        if number == 1
        for inner, identifier in _fields(component)
        if inner == 1
    )


def components_of_graphql(answer: Any) -> frozenset[str]:
    """Component ids in the decoded JSON of a GraphQL answer. Raises ValueError."""
    try:
        return frozenset(str(edge["node"]["componentId"]) for edge in answer["data"]["components"]["edges"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a list of components") from error


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and content of the fields that hold bytes; others are passed over."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        match tag & 7:
            case 0:
                _, at = _varint(message, at)
            case 1:
                at += 8
            case 2:
                length, at = _varint(message, at)
                if at + length > len(message):
                    raise ValueError("a field is cut off")
                yield tag >> 3, message[at : at + length]
                at += length
            case 5:
                at += 4
            case _:
                raise ValueError("a field of an unknown form")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("a number is cut off")
