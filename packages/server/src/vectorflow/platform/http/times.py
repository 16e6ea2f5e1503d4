"""Moments as the API writes them."""

from typing import Annotated, TypeAlias

from msgspec import Meta

# RFC 3339, UTC, milliseconds, `Z`; made by `vectorflow.kernel.clock.rfc3339`.
Instant: TypeAlias = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
