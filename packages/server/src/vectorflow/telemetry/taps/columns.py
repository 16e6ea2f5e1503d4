"""The sealed columns of taps and captures, as the rotation of data keys sees them."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from vectorflow.keys.types import Cell, Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.telemetry.taps.store import captures, taps

_Batch = Callable[[Transaction, UUID, int, bytes | None], Awaitable[list[SealedValue]]]
_Swap = Callable[[Transaction, Sequence[Resealed]], Awaitable[int]]


def relay_cell(tap_id: UUID) -> Cell:
    """Return the cell of a tap's private key."""
    return Cell("tap", "taps", "relay_key", tap_id, 1)


def content_cell(capture_id: UUID) -> Cell:
    """Return the cell of a capture's events."""
    return Cell("capture", "captures", "content", capture_id, 1)


class TapColumn:
    """One sealed column; its rows never change, so they have one version."""

    def __init__(self, cell_of: Callable[[UUID], Cell], batch: _Batch, swap: _Swap) -> None:
        self._cell_of = cell_of
        self._batch = batch
        self._swap = swap
        sample = cell_of(UUID(int=0))
        self.name = f"{sample.table}.{sample.column}"

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the value's cell."""
        return self._cell_of(sealed.id)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await self._batch(txn, after, limit, None)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await self._batch(txn, after, limit, version.to_bytes(4, "big"))

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await self._swap(txn, values)


def tap_columns() -> list[TapColumn]:
    """Return both."""
    return [
        TapColumn(relay_cell, taps.relay_keys, taps.relay_key_swap),
        TapColumn(content_cell, captures.capture_contents, captures.capture_content_swap),
    ]
