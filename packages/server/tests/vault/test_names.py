"""`vault.names`: names, descriptions and limits of secrets."""

import pytest

from vectorflow.vault.names import description_errors, in_words, limits_errors, name_errors
from vectorflow.vault.types import Limits


def test_names_are_of_one_alphabet() -> None:
    assert name_errors("a-B_9") == []
    for bad in ("", "a b", "a.b", "a\n", "x" * 65):
        assert name_errors(bad)


def test_descriptions_are_short_text() -> None:
    assert description_errors("ok") == []
    for bad in ("x" * 501, "a\0b", "\ud800"):
        assert description_errors(bad)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        (Limits(types=["http"]), "limits.types.0"),
        (Limits(paths=["a b"]), "limits.paths.0"),
        (Limits(hosts=["ok.example", "a/b"]), "limits.hosts.1"),
        (Limits(hosts=["a"] * 51), "limits.hosts"),
    ],
)
def test_limits_that_are_none_are_named(limits, field) -> None:
    assert [each.field for each in limits_errors(limits)] == [field]
    assert (
        limits_errors(Limits(types=["sink:http"], paths=["auth.*", "a.[].b"], hosts=["*.example.com"])) == []
    )


def test_long_lists_are_cut() -> None:
    assert in_words(["a", "b"]) == "a, b"
    assert in_words(list("abcdefg")) == "a, b, c, d, e and 2 more"
