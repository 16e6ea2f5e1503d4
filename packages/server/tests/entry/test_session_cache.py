"""What a process remembers of sessions, and when it must not."""

import asyncio
from datetime import timedelta

import pytest

from vectorflow.identity import sessions, store
from vectorflow.identity.errors import NotSignedInError
from vectorflow.kernel.ids import new_id


@pytest.fixture
async def token(browser, world) -> str:
    await browser.sign_in(world.email("viewer"))
    return browser.http.cookies["vf_session"]


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Late:
    """A clock after every session's end."""

    def __init__(self, services) -> None:
        self._clock = services.clock

    def now(self):
        return self._clock.now() + timedelta(hours=13)


async def test_a_session_is_remembered_for_half_a_minute(services, token, monkeypatch) -> None:
    asked: list[bytes] = []
    look_up = store.session_by_hash

    async def counting(txn, digest):
        asked.append(digest)
        return await look_up(txn, digest)

    monkeypatch.setattr(store, "session_by_hash", counting)
    time = Time()
    cache = sessions.SessionCache(services.database, services.clock, monotonic=time)
    for _ in range(5):
        await cache.authenticate(token)
    assert len(asked) == 1
    time.now = sessions.CACHE_SECONDS + 1
    await cache.authenticate(token)
    assert len(asked) == 2
    cache.clear()
    await cache.authenticate(token)
    assert len(asked) == 3


async def test_what_was_read_while_a_revocation_came_is_not_remembered(services, token, monkeypatch) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    look_up = store.session_by_hash

    async def slow(txn, digest):
        row = await look_up(txn, digest)
        reached.set()
        await go_on.wait()
        return row

    monkeypatch.setattr(store, "session_by_hash", slow)
    cache = sessions.SessionCache(services.database, services.clock)
    reading = asyncio.create_task(cache.authenticate(token))
    await reached.wait()
    cache.forget(new_id())  # whichever session it was, what is being read may be old
    go_on.set()
    await reading
    assert not cache._cached


async def test_a_remembered_session_still_ends_at_its_time(services, token) -> None:
    cache = sessions.SessionCache(services.database, services.clock)
    await cache.authenticate(token)
    cache._clock = Late(services)
    with pytest.raises(NotSignedInError):
        await cache.authenticate(token)


async def test_memory_is_bounded(services, token, monkeypatch) -> None:
    monkeypatch.setattr(sessions, "_MAX_CACHED", 2)
    cache = sessions.SessionCache(services.database, services.clock)
    session = await cache.authenticate(token)
    for number in range(5):
        cache._remember(bytes([number]) * 32, session)
    assert len(cache._cached) == 2
    cache.forget(session.id)
    assert not cache._cached
