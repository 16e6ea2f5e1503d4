"""A wall clock that jumps: no key is held longer, and no scope is believed."""

import asyncio
import time

import psycopg
import pytest

from vectorflow.keys.cache import KeyCache
from vectorflow.platform.scope import LIFETIME_SECONDS

DAY = 86_400


@pytest.mark.parametrize("jump", [-DAY, DAY])
async def test_a_key_is_held_by_the_monotonic_clock(new_organization, monkeypatch, jump: int) -> None:
    organization_id = await new_organization()
    cache = KeyCache(lifetime_seconds=0.5)
    cache.put(organization_id, 1, bytes(32))
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + jump)
    assert cache.get(organization_id, 1) is not None  # not dropped early
    await asyncio.sleep(0.7)
    assert cache.get(organization_id, 1) is None  # nor kept


async def test_a_scope_of_a_clock_that_is_behind_is_an_error_and_shows_nothing(
    new_organization, app, monkeypatch
) -> None:
    organization_id = await new_organization()
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() - LIFETIME_SECONDS - DAY)
    with pytest.raises(psycopg.Error):
        async with app.transaction(organization_id) as txn:
            await txn.value("select count(*) from data_keys")
    monkeypatch.setattr(time, "time", wall)
    async with app.transaction(organization_id) as txn:
        assert await txn.value("select count(*) from data_keys") == 1
