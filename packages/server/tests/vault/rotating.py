"""A process of its own that rotates one organisation's data key; the tests kill it."""

import asyncio
import sys
from pathlib import Path
from uuid import UUID

from vectorflow.audit.service import AuditAppender
from vectorflow.entry.sealed_columns import SEALED_COLUMNS
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.rotation import KeyRotation
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.scope import ScopeSigner


async def main(url: str, state: str, keys: str, organization: str) -> None:
    state_dir = Path(state)
    signer = ScopeSigner(credentials.scope_key(state_dir))
    login = role_url(url, Role.SIGNER, state_dir)
    database = Database(login, signer, size=2, audit_sink=AuditAppender())
    await database.open()
    await KeyRotation(database, LocalKeyFile(Path(keys)), SEALED_COLUMNS).rotate(UUID(organization))
    await database.close()


asyncio.run(main(*sys.argv[1:]))
