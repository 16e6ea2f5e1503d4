import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow.fleet.errors import SelectorInvalid
from vectorflow.fleet.selectors import Requirement, matches, parse_selector, selector_text
from vectorflow.fleet.store.selecting import OF_DEPLOYMENT, OF_GROUP, selecting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("  ", ()),
        ("env=prod", (Requirement(key="env", op="in", vals=("prod",)),)),
        ("env == prod", (Requirement(key="env", op="in", vals=("prod",)),)),
        ("env!=prod", (Requirement(key="env", op="not-in", vals=("prod",)),)),
        ("region in (a, b,a)", (Requirement(key="region", op="in", vals=("a", "b")),)),
        ("region not in (a)", (Requirement(key="region", op="not-in", vals=("a",)),)),
        ("region notin (a)", (Requirement(key="region", op="not-in", vals=("a",)),)),
        ("gpu", (Requirement(key="gpu", op="exists"),)),
        ("!gpu", (Requirement(key="gpu", op="missing"),)),
        ('site="Rack 4, left"', (Requirement(key="site", op="in", vals=("Rack 4, left",)),)),
        ("in in (in)", (Requirement(key="in", op="in", vals=("in",)),)),
        (
            "env=prod, region in (a,b), !canary",
            (
                Requirement(key="env", op="in", vals=("prod",)),
                Requirement(key="region", op="in", vals=("a", "b")),
                Requirement(key="canary", op="missing"),
            ),
        ),
    ],
)
def test_what_a_selector_says(text, expected) -> None:
    assert parse_selector(text) == expected
    assert parse_selector(selector_text(expected)) == expected


@pytest.mark.parametrize(
    ("text", "at", "words"),
    [
        ("env=", 5, "the value of env is missing"),
        ("=prod", 1, "the name of a label is missing"),
        ("env=prod,", 10, "the name of a label is missing"),
        ("env prod", 5, "in or a comma is missing"),
        ("env=prod region=a", 10, "a comma is missing"),
        ("env in prod", 8, "( is missing"),
        ("env in (a", 10, ") is missing"),
        ("env in ()", 9, "a value is missing"),
        ("env not (a)", 9, "in is missing"),
        ("env;drop", 4, "cannot stand here"),
        ('env="a', 5, "cannot stand here"),
        ("env=ü", 5, "cannot stand here"),
        ('"a b"=c', 1, "is not the name of a label"),
        (",".join(["a"] * 21), 1, "at most 20"),
        (f"a in ({','.join(map(str, range(101)))})", 300, "at most 100"),
    ],
)
def test_what_is_wrong_is_said_and_where(text, at, words) -> None:
    with pytest.raises(SelectorInvalid) as raised:
        parse_selector(text)
    assert words in raised.value.detail
    assert raised.value.detail.startswith(f"The selector cannot be read at character {at}:")
    assert raised.value.errors[0].field == "selector"


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text) -> None:
    try:
        found = parse_selector(text)
    except SelectorInvalid:
        return
    assert parse_selector(selector_text(found)) == found


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        ("env=prod", {"env": "prod"}, True),
        ("env=prod", {}, False),
        ("env!=prod", {}, True),
        ("env not in (prod, dev)", {"env": "dev"}, False),
        ("gpu, !canary", {"gpu": ""}, True),
        ("gpu, !canary", {"gpu": "1", "canary": "no"}, False),
    ],
)
def test_whom_it_finds(selector, labels, expected) -> None:
    assert matches(labels, parse_selector(selector)) is expected


def test_only_equalities_are_looked_up_in_the_index() -> None:
    bound = selecting(parse_selector("env=prod, region in (a,b), tier!=x, gpu"))
    assert bound["contains"].obj == {"env": "prod"}
    assert "g.requirements" in OF_GROUP
    assert "d.requirements" in OF_DEPLOYMENT
