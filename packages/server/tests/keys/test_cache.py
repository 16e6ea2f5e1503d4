import asyncio
from uuid import uuid4

from vectorflow.keys.cache import KeyCache


async def test_a_key_is_overwritten_when_its_time_is_over() -> None:
    cache = KeyCache(lifetime_seconds=0.02)
    organization = uuid4()
    held = cache.put(organization, 1, b"k" * 32)
    assert cache.get(organization, 1) is held
    await asyncio.sleep(0.05)
    assert cache.get(organization, 1) is None
    assert held == bytes(32)


async def test_the_oldest_key_goes_when_the_cache_is_full() -> None:
    cache = KeyCache(most=2)
    organizations = [uuid4() for _ in range(3)]
    first, *_ = [cache.put(each, 1, b"k" * 32) for each in organizations]
    assert len(cache) == 2
    assert cache.get(organizations[0], 1) is None
    assert first == bytes(32)
    cache.clear()


async def test_clearing_overwrites_everything() -> None:
    cache = KeyCache()
    held = cache.put(uuid4(), 1, b"k" * 32)
    replaced_by = cache.put(uuid4(), 2, b"l" * 32)
    cache.clear()
    assert len(cache) == 0
    assert held == replaced_by == bytes(32)
