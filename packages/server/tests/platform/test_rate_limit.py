"""Token buckets, on a clock of the test's own."""

import pytest

from vectorflow.platform.rate_limit import RateLimitedError, TokenBuckets


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_then_a_rate() -> None:
    time = Time()
    buckets = TokenBuckets(burst=3, per_second=2, monotonic=time)
    assert [buckets.wait("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.wait("a") == pytest.approx(0.5)
    assert buckets.wait("b") == 0
    time.now = 0.5
    assert buckets.wait("a") == 0
    with pytest.raises(RateLimitedError) as raised:
        buckets.check("a")
    assert raised.value.headers["Retry-After"] == "1"
    time.now = 1000
    assert [buckets.wait("a") for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]


def test_memory_is_bounded() -> None:
    buckets = TokenBuckets(burst=1, per_second=1, max_keys=10, monotonic=Time())
    for number in range(1000):
        buckets.wait(str(number))
    assert len(buckets._buckets) == 10
