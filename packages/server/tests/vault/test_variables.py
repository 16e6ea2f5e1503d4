"""`vault.variables`, alone: what is stored of a value, and what it means."""

import pytest

from vectorflow.vault.store.variables import Variable
from vectorflow.vault.variables import shown, value_of, variable_lent, written


@pytest.mark.parametrize(
    ("kind", "given", "text", "meant"),
    [
        ("string", "a", "a", "a"), ("number", 1.5, "1.5", 1.5), ("number", 7, "7", 7), ("boolean", True, "true", True),
        ("duration", "250ms", "250ms", 0.25), ("duration", "2h", "2h", 7200), ("bytes", "3kB", "3kB", 3000),
        ("bytes", 12, "12", 12), ("bytes", "1GiB", "1GiB", 2**30), ("list", ["a", "b"], '["a","b"]', ["a", "b"]),
    ],
)  # fmt: skip
def test_each_type_is_stored_and_read(kind, given, text, meant) -> None:
    assert written(kind, given) == (text, [])
    assert value_of(kind, text) == meant


def test_an_unknown_type_and_too_much_are_refused() -> None:
    assert written("date", "x")[1][0].field == "type"
    assert written("string", "x" * 65_537)[1][0].field == "value"
    assert written("string", "a\0")[1][0].field == "value"


def test_a_sensitive_one_is_neither_lent_nor_shown() -> None:
    row = dict.fromkeys(Variable.__struct_fields__)
    hidden = Variable(**(row | {"name": "v", "type": "string", "value": None, "sensitive": True}))
    assert shown(hidden) is None
    assert (variable_lent(hidden).value, variable_lent(hidden).sensitive) == (None, True)
    size = Variable(**(row | {"name": "v", "type": "bytes", "value": "1KiB", "sensitive": False}))
    assert (shown(size), variable_lent(size).value) == ("1KiB", 1024)
