from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow.keys import sealing
from vectorflow.keys.types import Cell, KeyContext

KEY = bytes(range(32))
ORGANIZATION = uuid4()
CELL = Cell("vault", "secret_versions", "value", uuid4(), 3)


@given(st.binary(max_size=200))
def test_what_was_sealed_is_opened_again(value: bytes) -> None:
    sealed = sealing.seal(KEY, 7, ORGANIZATION, CELL, value)
    assert sealed[0] == sealing.FORMAT
    assert sealing.key_version_of(sealed) == 7
    assert value not in sealed or len(value) < 4
    assert sealing.unseal(KEY, ORGANIZATION, CELL, sealed) == value


def test_the_same_value_is_never_sealed_alike() -> None:
    assert len({sealing.seal(KEY, 1, ORGANIZATION, CELL, b"value") for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "other"},
        {"table": "other"},
        {"column": "other"},
        {"row_id": uuid4()},
        {"row_version": 2},
    ],
)
def test_another_cell_does_not_open_it(change: dict[str, object]) -> None:
    sealed = sealing.seal(KEY, 1, ORGANIZATION, CELL, b"value")
    with pytest.raises(sealing.Unopenable):
        sealing.unseal(KEY, ORGANIZATION, msgspec.structs.replace(CELL, **change), sealed)


def test_another_organisation_or_key_does_not_open_it() -> None:
    sealed = sealing.seal(KEY, 1, ORGANIZATION, CELL, b"value")
    with pytest.raises(sealing.Unopenable):
        sealing.unseal(KEY, uuid4(), CELL, sealed)
    with pytest.raises(sealing.Unopenable):
        sealing.unseal(bytes(32), ORGANIZATION, CELL, sealed)


def test_every_byte_counts() -> None:
    sealed = sealing.seal(KEY, 1, ORGANIZATION, CELL, b"value")
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(sealing.Unopenable):
            sealing.unseal(KEY, ORGANIZATION, CELL, bytes(changed))
    for cut in (0, 1, 5, 20, len(sealed) - 1):
        with pytest.raises(sealing.Unopenable):
            sealing.unseal(KEY, ORGANIZATION, CELL, sealed[:cut])


def test_parts_cannot_be_shifted_between_names() -> None:
    first = Cell("a", "bc", "d", CELL.row_id, 1)
    second = Cell("a", "b", "cd", CELL.row_id, 1)
    with pytest.raises(sealing.Unopenable):
        sealing.unseal(KEY, ORGANIZATION, second, sealing.seal(KEY, 1, ORGANIZATION, first, b"value"))


@pytest.mark.parametrize("change", [{"organization_id": uuid4()}, {"key_id": uuid4()}, {"version": 2}])
def test_a_wrapped_key_is_bound_to_its_context(change: dict[str, object]) -> None:
    context = KeyContext(ORGANIZATION, uuid4(), 1)
    wrapped = sealing.wrap(KEY, bytes(32), context)
    assert sealing.unwrap(KEY, wrapped, context) == bytes(32)
    with pytest.raises(sealing.Unopenable):
        sealing.unwrap(KEY, wrapped, msgspec.structs.replace(context, **change))
    with pytest.raises(sealing.Unopenable):
        sealing.unwrap(KEY, wrapped[:-1], context)
