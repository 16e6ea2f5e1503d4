import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_topology.text.reader import read_yaml
from vectorflow_topology.text.writer import DoubleQuoted, Inline, write_yaml

TRICKY = st.sampled_from(
    [
        "1",
        "0o17",
        "1e3",
        "08",
        "yes",
        "null",
        "",
        "~",
        "<<",
        "=",
        "a\r\nb",
        "a \nb",
        " x\n",
        "\x85",
        "-",
        "- a",
        ".5",
        "+1",
        "2020-01-01",
        "!x",
        "&x",
        "*x",
        "%x",
        "0b1",
        "1:30",
        "y",
        "on",
        ".nan",
        "#",
        "a: b",
        "a #b",
        "\n",
        "a\n\n",
        "\t",
    ]
)
TEXT = TRICKY | st.text(st.characters(exclude_categories=("Cs",)))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
)


def same(one, other):
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(one[key], other[key]) for key in one)
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_written_reads_the_same(value):
    if "<<" not in str(value):
        assert same(read_yaml(write_yaml(value)).value, value)


@given(TEXT.filter(lambda text: text != "="))
def test_readers_of_yaml_1_1_understand_the_same_text(text):
    assert yaml.load(write_yaml({"a": text}), Loader=yaml.CSafeLoader) == {"a": text}


def test_programs_stay_readable_and_lines_are_never_folded():
    assert write_yaml({"source": ".a = 1\n.b = 2\n"}) == "source: |\n  .a = 1\n  .b = 2\n"
    assert write_yaml({"a": "word " * 500 + "end"}).count("\n") == 1


def test_marked_values_are_written_as_marked():
    written = write_yaml({"inputs": Inline(["a", "b.c"]), "token": DoubleQuoted("SECRET[x.y]")})
    assert written == 'inputs: [a, b.c]\ntoken: "SECRET[x.y]"\n'


def test_repeated_values_are_written_in_full():
    shared = {"x": [1]}
    assert "&" not in write_yaml({"a": shared, "b": shared})


@pytest.mark.parametrize(
    "text", ["a\x85b\n", "a\u2028b\n", "a\u2029\nb", "a\r\nb\n", "a\rb\n", "a\nb \n", " a\nb", "\na", "a\n\n", "a\n\ufeff\n", "a\nb", "a\x07\n"]
)  # fmt: skip
def test_texts_of_several_lines_stand_in_blocks_only_when_that_is_safe(text):
    written = write_yaml({"a": text})
    assert read_yaml(written).value == {"a": text}
    assert ("|" in written) == (text == "a\nb")
