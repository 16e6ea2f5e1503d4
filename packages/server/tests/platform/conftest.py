"""What tests of the platform share."""

import pytest

from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database


@pytest.fixture
async def single(database_url: str, state_dir, signer):
    """A pool of one connection: whoever asks gets the same one, as the last transaction left it, or its successor."""
    database = Database(role_url(database_url, Role.APP, state_dir), signer, size=1)
    await database.open()
    yield database
    await database.close()
