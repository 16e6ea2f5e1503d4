"""Lists by keyset: an opaque cursor holds the sort key of the last row a client has seen."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from litestar.params import QueryParameter

from vectorflow.kernel.errors import FieldError
from vectorflow.platform.http.problems import InvalidRequestError

T = TypeVar("T")

MAX_LIMIT = 200
DEFAULT_LIMIT = 50

Limit = Annotated[
    int, QueryParameter(name="limit", ge=1, le=MAX_LIMIT, description="Most items of one answer.")
]
Cursor = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=1024, description="`next_cursor` of the answer before."),
]
Query = Annotated[
    str | None, QueryParameter(name="q", max_length=200, description="Only items that hold this text.")
]


def encode_cursor(*key: str | int) -> str:
    """Write the sort key of a row as a cursor."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *types: type[Any]) -> tuple[Any, ...] | None:
    """Read a cursor back, checking the type of each part; None stays None.

    Raises `InvalidRequestError` for what no list of this kind has given out.
    """
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        parts = msgspec.json.decode(raw, type=list[Any])
        if len(parts) != len(types):
            raise ValueError
        return tuple(msgspec.convert(part, kind) for part, kind in zip(parts, types, strict=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        message = "this cursor is not from this list; leave it out to begin again"
        raise InvalidRequestError(errors=[FieldError("cursor", message)]) from error


def page(
    rows: Sequence[T], limit: int, key: Callable[[T], Sequence[str | int]]
) -> tuple[list[T], str | None]:
    """Cut a page from `limit + 1` rows asked for; return it and the cursor of the next, if there is one."""
    items = list(rows[:limit])
    return items, encode_cursor(*key(items[-1])) if len(rows) > limit and items else None
