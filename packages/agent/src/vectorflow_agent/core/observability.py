"""What Vector's own API says about its components: GraphQL up to 0.54, gRPC since 0.55.

What events look like that it hands out is in `engine_events`.
"""

from typing import Any, Final

from vectorflow_agent.core import protobuf

GRPC_SINCE: Final = (0, 55)
GRPC_PATH: Final = "/vector.observability.v1.ObservabilityService/GetComponents"
GRAPHQL_PATH: Final = "/graphql"
GRAPHQL_QUERY: Final = "{components(first:100000){edges{node{componentId}}}}"

_MOST_COMPONENTS: Final = 100_000


def speaks_grpc(version: str) -> bool:
    """Whether this version of Vector has the gRPC API. One whose version cannot be read counts as new."""
    parts = version.split(".")[:2]
    if len(parts) < 2 or not all(part.isdigit() for part in parts):
        return True
    return (int(parts[0]), int(parts[1])) >= GRPC_SINCE


def components_request() -> bytes:
    """The body of a call of `GetComponents`."""
    return protobuf.framed(protobuf.number_field(1, _MOST_COMPONENTS))


def components_of_grpc(body: bytes) -> frozenset[str]:
    """Component ids in a `GetComponentsResponse` with its frame. Raises ValueError."""
    if len(body) < 5 or body[0] != 0 or len(body) < 5 + int.from_bytes(body[1:5], "big"):
        raise ValueError("not a whole gRPC message")
    message = body[5 : 5 + int.from_bytes(body[1:5], "big")]
    return frozenset(
        identifier.decode("utf-8")
        for component in protobuf.texts(message, 1)
        for identifier in protobuf.texts(component, 1)
    )


def components_of_graphql(answer: Any) -> frozenset[str]:
    """Component ids in the decoded JSON of a GraphQL answer. Raises ValueError."""
    try:
        return frozenset(str(edge["node"]["componentId"]) for edge in answer["data"]["components"]["edges"])
    except (KeyError, TypeError) as error:
        raise ValueError("not a list of components") from error
