"""Lists as array parameters, written in one go.

Psycopg writes an array element by element in Python, which for the thousands of ids that a gateway compares with the
database stops everything else for longer than an answer may take.
"""

import contextlib
import re
from typing import Final
from uuid import UUID

import msgspec
from psycopg.abc import AdaptContext, Buffer
from psycopg.types.array import ListDumper

_encode = msgspec.json.Encoder().encode
_SAME_IN_BOTH: Final = frozenset({UUID, str, int, bool, type(None)})
# JSON and PostgreSQL write a quote and a backslash alike; what JSON writes otherwise, PostgreSQL would take for letters.
_JSON_ALONE: Final = re.compile(rb'\\[^"\\]')


class ArrayDumper(ListDumper):
    """Writes arrays of ids, texts and numbers as JSON does, where PostgreSQL reads the same from it."""

    def dump(self, obj: list[object]) -> Buffer | None:
        """Return the array's text."""
        if set(map(type, obj)) <= _SAME_IN_BOTH:
            with contextlib.suppress(OverflowError):  # whole numbers of more than 64 bits
                written = _encode(obj)
                if _JSON_ALONE.search(written.replace(b"\\\\", b"")) is None:
                    return b"{" + written[1:-1] + b"}"
        return super().dump(obj)


def write_arrays_at_once(connection: AdaptContext) -> None:
    """Have a connection write array parameters with `ArrayDumper`."""
    connection.adapters.register_dumper(list, ArrayDumper)
