"""The sealed columns of the room, as the rotation of data keys sees them."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from vectorflow.keys.types import Cell, Resealed, SealedValue
from vectorflow.platform.database import Transaction
from vectorflow.vault.store import certificates, secrets, stores, variables

_Batch = Callable[[Transaction, UUID, int, bytes | None], Awaitable[list[SealedValue]]]
_Swap = Callable[[Transaction, Sequence[Resealed]], Awaitable[int]]
_CellOf = Callable[[UUID, int], Cell]


def secret_cell(version_id: UUID, version: int) -> Cell:
    """Return the cell of a secret's value."""
    return Cell("secret", "secret_versions", "value", version_id, version)


def variable_cell(variable_id: UUID, version: int) -> Cell:
    """Return the cell of a sensitive variable's value."""
    return Cell("variable", "variables", "sealed", variable_id, version)


def private_key_cell(version_id: UUID, version: int) -> Cell:
    """Return the cell of a certificate's private key."""
    return Cell("certificate", "certificate_versions", "private_key", version_id, version)


def store_cell(store_id: UUID, version: int) -> Cell:
    """Return the cell of a store's credentials."""
    return Cell("secret-store", "secret_stores", "credentials", store_id, version)


class VaultColumn:
    """One sealed column of the room."""

    def __init__(self, cell_of: _CellOf, batch: _Batch, swap: _Swap) -> None:
        self._cell_of = cell_of
        self._batch = batch
        self._swap = swap
        sample = cell_of(UUID(int=0), 0)
        self.name = f"{sample.table}.{sample.column}"

    def cell(self, sealed: SealedValue) -> Cell:
        """Return the value's cell."""
        return self._cell_of(sealed.id, sealed.row_version)

    async def batch(self, txn: Transaction, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts by row id."""
        return await self._batch(txn, after, limit, None)

    async def of_version(self, txn: Transaction, version: int, after: UUID, limit: int) -> list[SealedValue]:
        """Return ciphertexts of one key version by row id."""
        return await self._batch(txn, after, limit, version.to_bytes(4, "big"))

    async def swap(self, txn: Transaction, values: Sequence[Resealed]) -> int:
        """Replace what is still the old ciphertext."""
        return await self._swap(txn, values)


def vault_columns() -> list[VaultColumn]:
    """Return every sealed column of the room."""
    return [
        VaultColumn(secret_cell, secrets.secret_value_batch, secrets.secret_value_swap),
        VaultColumn(variable_cell, variables.variable_value_batch, variables.variable_value_swap),
        VaultColumn(private_key_cell, certificates.certificate_key_batch, certificates.certificate_key_swap),
        VaultColumn(store_cell, stores.store_value_batch, stores.store_value_swap),
    ]
