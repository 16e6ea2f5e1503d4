"""How often a key version is used: counted in blocks that a process takes before it needs them.

A block that is not used up counts all the same, so the count errs on the safe side only.
"""

from collections import OrderedDict
from uuid import UUID

from vectorflow.kernel.ids import new_id
from vectorflow.keys.store import data_keys as store
from vectorflow.platform.database import Transaction

BLOCK = 1 << 16
MOST_ENCRYPTIONS = 1 << 31
ROTATION_DUE = 1 << 30
_MOST_HELD = 4096
_Name = tuple[UUID, int]


class Leases:
    """Encryptions that this process may still do, by organisation and key version."""

    def __init__(self, *, block: int = BLOCK, most: int = MOST_ENCRYPTIONS) -> None:
        self._block = block
        self._most = most
        self._left: OrderedDict[_Name, int] = OrderedDict()

    async def take(self, txn: Transaction, version: int) -> bool:
        """Count one encryption; False when the key version may not be used any more."""
        name = (txn.organization_id, version)
        left = self._left.get(name, 0) - 1
        self._set(name, left)
        if left >= 0:
            return True
        # What a transaction that rolled back used is owed, and counted with the next block.
        amount = self._block - left
        given = await store.data_key_lease_insert(txn, new_id(), version, amount)
        txn.after_commit(lambda: self._set(name, self._left.get(name, 0) + amount))
        return given <= self._most

    def _set(self, name: _Name, left: int) -> None:
        self._left[name] = left
        self._left.move_to_end(name)
        while len(self._left) > _MOST_HELD:
            self._left.popitem(last=False)
