"""The SQL of how long nodes may keep secrets without a newer bundle."""

import msgspec

from vectorflow.platform.database import Transaction


class OfflineRow(msgspec.Struct, frozen=True):
    """The limit in seconds, None for none, and how often it was changed."""

    max_offline_seconds: int | None = None
    max_offline_version: int = 0


async def offline_get(txn: Transaction) -> OfflineRow:
    """Return the organisation's limit."""
    found = await txn.row(
        OfflineRow,
        "select max_offline_seconds, max_offline_version from organizations where id = %(organization_id)s",
    )
    return found or OfflineRow()


async def offline_put(txn: Transaction, seconds: int | None, version: int) -> bool:
    """Store the limit over the version that was read; False when somebody else was first."""
    return (
        await txn.execute(
            """update organizations set max_offline_seconds = %(seconds)s,
            max_offline_version = max_offline_version + 1
        where id = %(organization_id)s and max_offline_version = %(version)s""",
            {"seconds": seconds, "version": version},
        )
        == 1
    )
