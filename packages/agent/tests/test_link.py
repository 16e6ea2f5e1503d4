"""How an agent comes back to a gateway that has gone: `shell.link`."""

import asyncio

import pytest

from vectorflow_agent.shell import link as link_module
from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.link import Link


class Gone:
    """A gateway that is not there."""

    def stream(self, token):
        raise GatewayError("nobody answers")


async def pauses_of_one_agent(monkeypatch, count):
    """The pauses that an agent makes while it tries to open its stream."""
    link = Link(None, Gone(), None, apply=None, refuse=None)
    monkeypatch.setattr(link, "token", lambda: "t")
    link.enrolled.set()
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == count:
            raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(link_module.asyncio, "sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            await link.stream_loop()
    return pauses


async def test_a_thousand_agents_that_lose_their_gateway_come_back_spread_over_a_second(monkeypatch):
    first = [(await pauses_of_one_agent(monkeypatch, 1))[0] for _ in range(1000)]
    assert 0.5 <= min(first) < max(first) <= 1.5
    tenths = [sum(0.5 + at / 10 <= pause < 0.6 + at / 10 for pause in first) for at in range(10)]
    # A hundred are expected in each tenth; chance alone gives neither half nor twice as many.
    assert all(50 < count < 200 for count in tenths), tenths


async def test_the_pauses_grow_up_to_a_minute_and_keep_varying(monkeypatch):
    pauses = await pauses_of_one_agent(monkeypatch, 40)
    for number, pause in enumerate(pauses):
        middle = min(2.0**number, 60.0)
        assert 0.5 * middle <= pause <= 1.5 * middle, (number, pause)
    late = pauses[10:]
    assert max(late) - min(late) > 20
