"""Pauses that vary."""

import pytest

from vectorflow_agent.shell.client import GatewayError
from vectorflow_agent.shell.pauses import varied


@pytest.mark.parametrize(
    ("less", "more", "least", "most"), [(0.2, 0.2, 8, 12), (0, 0.5, 10, 15), (0.5, 0.5, 5, 15)]
)
def test_a_pause_stays_between_its_shares(less, more, least, most) -> None:
    assert varied(10, less, more, chance=lambda: 0.0) == pytest.approx(least)
    assert varied(10, less, more, chance=lambda: 1.0) == pytest.approx(most)
    assert varied(10, less, more, chance=lambda: 0.5) == pytest.approx((least + most) / 2)


def test_no_two_agents_wait_equally_long() -> None:
    pauses = [varied(60) for _ in range(200)]
    assert all(48 <= pause <= 72 for pause in pauses)
    assert max(pauses) - min(pauses) > 12


def test_an_agent_waits_at_least_as_long_as_it_is_asked_to() -> None:
    pauses = [GatewayError("busy", status=429, retry_after=8).patience() for _ in range(200)]
    assert all(8 <= pause <= 12 for pause in pauses)
    assert max(pauses) - min(pauses) > 2
    assert GatewayError("away").patience() == 0
