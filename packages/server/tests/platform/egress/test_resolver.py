"""The system's resolver: answers, errors, and threads that are not lost."""

import asyncio
import threading

import pytest

from vectorflow.platform.egress import resolver as module
from vectorflow.platform.egress.resolver import SystemResolver


async def test_localhost_is_found_by_the_system() -> None:
    resolver = SystemResolver()
    found = await resolver.resolve("localhost")
    assert found
    assert len(set(found)) == len(found)
    assert all(each.is_loopback for each in found)
    await resolver.aclose()


async def test_an_unknown_name_is_an_error() -> None:
    resolver = SystemResolver()
    with pytest.raises(OSError, match=r"."):
        await resolver.resolve("no-such-name.invalid")
    await resolver.aclose()


async def test_slow_names_take_their_own_threads_and_give_them_back(monkeypatch) -> None:
    free = threading.Event()
    running = []

    def lookup(host: str) -> list:
        running.append(host)
        if host.startswith("slow"):
            free.wait(10)
        return []

    monkeypatch.setattr(module, "_lookup", lookup)
    resolver = SystemResolver(threads=2)
    for number in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(resolver.resolve(f"slow{number}"), 0.05)
    # Given up, but the threads are still busy: the third waits in its place, not in an endless queue.
    third = asyncio.create_task(resolver.resolve("third"))
    await asyncio.sleep(0.05)
    assert running == ["slow0", "slow1"]
    free.set()
    assert await asyncio.wait_for(third, 60) == []
    await resolver.aclose()
