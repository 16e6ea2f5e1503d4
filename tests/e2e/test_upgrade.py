"""Upgrading agents while lines come in: the small form of `bench/upgrade.py`."""

import pytest
from bench.upgrade import upgrade

pytestmark = pytest.mark.timeout(300)


async def test_no_line_is_lost_and_no_engine_notices() -> None:
    assert await upgrade(2) == []
