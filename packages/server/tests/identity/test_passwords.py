"""Passwords: Argon2id, never more threads than said, the same work for nobody."""

import asyncio
import threading

import argon2
import pytest

from vectorflow.identity import tokens
from vectorflow.identity.errors import BusyError
from vectorflow.identity.passwords import Passwords

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def passwords():
    made = Passwords(hasher=CHEAP)
    yield made
    made.close()


async def test_a_password_is_verified(passwords) -> None:
    stored = await passwords.hash("correct horse")
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, "correct horse")
    for wrong in ("Correct horse", "", "correct horse\0", "x" * 5000):
        assert not await passwords.verify(stored, wrong)
    assert not await passwords.verify("not a hash", "correct horse")


async def test_nobody_has_a_password(passwords) -> None:
    await passwords.prepare()
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify(None, "")


async def test_the_production_cost_is_not_small() -> None:
    parameters = argon2.PasswordHasher()
    assert parameters.memory_cost >= 19 * 1024
    assert parameters.time_cost >= 2


class Slow(argon2.PasswordHasher):
    """Counts how many threads verify at once."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.go = threading.Event()

    def verify(self, *_given):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self.go.wait(10)
        with self.lock:
            self.now -= 1
        return True


async def test_two_at_a_time_and_a_bounded_queue() -> None:
    hasher = Slow()
    passwords = Passwords(hasher=hasher)
    waiting = [asyncio.create_task(passwords.verify("x", "x")) for _ in range(64)]
    await asyncio.sleep(0.1)
    with pytest.raises(BusyError) as raised:
        await passwords.verify("x", "x")
    assert raised.value.headers["Retry-After"] == "5"
    hasher.go.set()
    assert all(await asyncio.gather(*waiting))
    assert hasher.most == 2
    passwords.close()


def test_tokens_are_random_and_stored_as_hashes() -> None:
    made = {tokens.new_token() for _ in range(100)}
    assert len(made) == 100
    for token in made:
        assert tokens.is_token(token)
        assert len(tokens.token_hash(token)) == 32
        assert token.encode() not in tokens.token_hash(token)
        assert tokens.csrf_token(token) != tokens.csrf_token(tokens.new_token())
    for odd in ("", "a" * 42, "a" * 44, "a" * 42 + "\n", "ä" * 43):
        assert not tokens.is_token(odd)
