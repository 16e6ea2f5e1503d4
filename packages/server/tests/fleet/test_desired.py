"""`fleet.desired`: the bounds of what is held in memory."""

from vectorflow.fleet.desired import BytesCache


def test_bytes_are_bounded_by_their_sum_and_the_least_used_goes_first() -> None:
    cache: BytesCache[str] = BytesCache(10)
    cache.put("a", b"12345")
    cache.put("b", b"12345")
    assert cache.get("a") == b"12345"
    cache.put("c", b"1")
    assert cache.get("b") is None
    assert cache.get("a") == b"12345"
    cache.put("big", b"x" * 11)
    assert cache.get("big") is None
    cache.put("a", b"1")
    cache.put("d", b"12345678")
    assert (cache.get("a"), cache.get("c"), cache.get("d")) == (b"1", b"1", b"12345678")
    cache.clear()
    assert cache.get("a") is None
