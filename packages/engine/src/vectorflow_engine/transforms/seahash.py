"""SeaHash, by which Vector's ``sample`` decides what a key's fate is."""

_MASK = (1 << 64) - 1
_PRIME = 0x6EED0E9DA4D94A4F
_SEEDS = (0x16F11FE89B0D677C, 0xB480A793D8E6C86C, 0x6FE2E5AAF078EBC9, 0x14F994A4C5259381)


def seahash(data: bytes) -> int:
    """The 64-bit SeaHash of ``data`` with the algorithm's own seeds."""
    a, b, c, d = _SEEDS
    for start in range(0, len(data), 8):
        block = int.from_bytes(data[start : start + 8], "little")
        a, b, c, d = b, c, d, _diffuse(a ^ block)
    return _diffuse(a ^ b ^ c ^ d ^ len(data))


def _diffuse(x: int) -> int:
    x = x * _PRIME & _MASK
    x ^= (x >> 32) >> (x >> 60)
    return x * _PRIME & _MASK
