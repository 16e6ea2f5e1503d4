"""What happens when a key provider fails, is slow, or is asked by many at once."""

import asyncio
from uuid import uuid4

import pytest
from packages.server.tests.keys.standins import KEY_ARN, AwsStandIn
from prometheus_client import CollectorRegistry

from vectorflow.keys.aws_kms import AwsKms
from vectorflow.keys.cache import KeyCache
from vectorflow.keys.choice import CALL_LIMITS
from vectorflow.keys.errors import (
    KeysUnavailable,
    ProviderRefused,
    ProviderUnreachable,
    ProviderUnsafe,
    WrongKey,
)
from vectorflow.keys.flights import Flights, hurried
from vectorflow.keys.guard import Guarded, KeyMetrics
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell, KeyContext
from vectorflow.platform import aws
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress

CONTEXT = KeyContext(uuid4(), uuid4(), 1)
CELL = Cell("test", "things", "value", uuid4(), 1)
KEY = b"k" * 32


@pytest.fixture
async def provider(egress: Egress, kms: AwsStandIn, aws_file):
    client = egress.http(Caller("test"), limits=CALL_LIMITS)
    yield AwsKms(client, aws.FileIdentity(aws_file), KEY_ARN, endpoint=kms.url)
    await client.aclose()


async def test_nothing_is_wrapped_before_the_proof(provider: AwsKms, kms: AwsStandIn) -> None:
    kms.refuses.discard("policy")
    with pytest.raises(ProviderUnsafe):
        await Guarded(provider).wrap(KEY, CONTEXT)
    kms.refuses.add("policy")
    guarded = Guarded(provider)
    await guarded.unwrap(await guarded.wrap(KEY, CONTEXT), CONTEXT)
    assert kms.calls.count("Encrypt") == 1 + 1 + 1  # both proofs, and the one that was asked for


async def test_a_passing_failure_is_repeated_and_not_for_ever(provider: AwsKms, kms: AwsStandIn) -> None:
    metrics = KeyMetrics(CollectorRegistry())
    guarded = Guarded(provider, metrics=metrics, pause_seconds=0.05)
    wrapped = await guarded.wrap(KEY, CONTEXT)
    kms.down = 2
    assert await guarded.unwrap(wrapped, CONTEXT) == KEY
    kms.calls.clear()
    kms.down = 99
    with pytest.raises(ProviderUnreachable):
        await guarded.unwrap(wrapped, CONTEXT)
    assert len(kms.calls) == 3
    assert guarded.failure
    with pytest.raises(ProviderUnreachable):  # at once, without a call
        await guarded.unwrap(wrapped, CONTEXT)
    assert len(kms.calls) == 3
    assert metrics.available._value.get() == 0
    kms.down = 0
    await asyncio.sleep(0.06)
    await guarded.probe()
    assert guarded.failure is None
    assert metrics.available._value.get() == 1


async def test_one_call_at_a_time_finds_out_whether_it_is_back(provider: AwsKms, kms: AwsStandIn) -> None:
    guarded = Guarded(provider, pause_seconds=0.0)
    wrapped = await guarded.wrap(KEY, CONTEXT)
    kms.state = "disabled"
    with pytest.raises(ProviderRefused):
        await guarded.unwrap(wrapped, CONTEXT)
    kms.calls.clear()
    kms.gate.clear()
    many = [asyncio.create_task(guarded.unwrap(wrapped, CONTEXT)) for _ in range(20)]
    await asyncio.wait(many, return_when=asyncio.FIRST_COMPLETED)
    kms.gate.set()
    assert all(
        isinstance(each, ProviderRefused) for each in await asyncio.gather(*many, return_exceptions=True)
    )
    assert len(kms.calls) == 1


async def test_waiting_has_an_end(provider: AwsKms, kms: AwsStandIn) -> None:
    guarded = Guarded(provider, total_seconds=0.3)
    kms.gate.clear()
    with pytest.raises(ProviderUnreachable, match="in time"):
        await guarded.wrap(KEY, CONTEXT)
    kms.gate.set()


async def test_one_damaged_key_does_not_pause_the_others(provider: AwsKms) -> None:
    guarded = Guarded(provider)
    wrapped = await guarded.wrap(KEY, CONTEXT)
    with pytest.raises(WrongKey):
        await guarded.unwrap(wrapped[:-1], CONTEXT)
    assert guarded.failure is None
    assert await guarded.unwrap(wrapped, CONTEXT) == KEY


async def test_a_crowd_makes_one_call_and_does_not_wait_behind_a_slow_one() -> None:
    flights, gate, calls = Flights(patience_seconds=0.05, most_waiting=2), asyncio.Event(), []

    async def fetch() -> None:
        calls.append(1)
        await gate.wait()

    name = (uuid4(), 1)
    waiting = [asyncio.create_task(flights.join(name, fetch)) for _ in range(6)]
    await asyncio.wait(waiting, timeout=0.5)
    given_up = [each for each in waiting if each.done()]
    assert len(given_up) == 4
    assert all(isinstance(each.exception(), KeysUnavailable) for each in given_up)
    gate.set()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert calls == [1]


async def test_who_is_in_a_hurry_starts_the_call_and_does_not_wait_for_it() -> None:
    flights, gate, calls = Flights(patience_seconds=0.05), asyncio.Event(), []

    async def fetch() -> None:
        calls.append(1)
        await gate.wait()

    name = (uuid4(), 1)
    async with asyncio.timeout(0.5):
        for _ in range(3):
            with hurried(), pytest.raises(KeysUnavailable):
                await flights.join(name, fetch)
        waiting = asyncio.create_task(flights.join(name, fetch))
        await asyncio.sleep(0.1)
        gate.set()
        await waiting
    assert calls == [1]


async def test_while_the_kms_is_down_the_cache_serves_and_then_nothing_does(
    provider: AwsKms, kms: AwsStandIn, app, new_organization_under
) -> None:
    ring = KeyRing(Guarded(provider, pause_seconds=0.01, total_seconds=1.0))
    keys = KeyService(app, ring, cache=KeyCache(lifetime_seconds=2.0))
    organization = await new_organization_under(keys)
    async with app.transaction(organization) as txn:
        sealed = await keys.seal(txn, CELL, b"value")
    kms.down = 10_000
    async with app.transaction(organization) as txn:
        assert await keys.unseal(txn, CELL, sealed) == b"value"
    await asyncio.sleep(2.1)
    async with app.transaction(organization) as txn:
        with pytest.raises(KeysUnavailable) as caught:
            await keys.unseal(txn, CELL, sealed)
        assert caught.value.status == 503
        with pytest.raises(KeysUnavailable):
            await keys.seal(txn, CELL, b"another")
    kms.down = 0
    await asyncio.sleep(0.02)
    await ring.probe()
    async with app.transaction(organization) as txn:
        assert await keys.unseal(txn, CELL, sealed) == b"value"  # nothing was lost
    keys.close()
