import time

import pytest

from vectorflow_topology.text.reader import Refused, read_yaml


def test_values_follow_the_core_schema_of_yaml_1_2():
    text = "a: yes\nb: 0o17\nc: 0x1F\nd: 1e3\ne: 08\nf: ~\ng: True\nh: 12:30\ni: 'true'\nj: 0b1\nk: 1_0\nl: 2020-01-01\n"
    assert read_yaml(text).value == {
        "a": "yes",
        "b": 15,
        "c": 31,
        "d": 1000.0,
        "e": 8,
        "f": None,
        "g": True,
        "h": "12:30",
        "i": "true",
        "j": "0b1",
        "k": "1_0",
        "l": "2020-01-01",
    }


def test_positions_count_from_one():
    read = read_yaml("a:\n  - x\n  - b: {c: 1}\n")
    assert read.positions[("a", 0)] == (2, 5)
    assert read.positions[("a", 1, "b", "c")] == (3, 12)


def test_anchors_and_merge_keys_are_resolved():
    text = "x: &x {a: 1, b: [1]}\ny: &y {a: 2, c: 3}\nz:\n  <<: [*x, *y]\n  b: own\nw: *x\n"
    value = read_yaml(text).value
    assert value["z"] == {"a": 1, "b": "own", "c": 3}
    assert value["w"] == {"a": 1, "b": [1]}


@pytest.mark.parametrize(
    ("text", "rule", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3", "import.duplicate-key", 3, 1),
        ("a:\n\tb: 1", "import.syntax", 2, 1),
        ("a: [1, 2", "import.syntax", 1, 9),
        ("a: *b", "import.alias", 1, 4),
        ("a: &a [*a]", "import.alias", 1, 8),
        ("a: !!python/object/apply:os.system [x]", "import.tag", 1, 4),
        ("a: !x {}", "import.tag", 1, 4),
        ("a: .nan", "import.number", 1, 4),
        ("a: -.inf", "import.number", 1, 4),
        ("a: 1e999", "import.number", 1, 4),
        ("a: 9223372036854775808", "import.number", 1, 4),
        ("a: " + "9" * 5000, "import.number", 1, 4),
        ("1: a", "import.key", 1, 1),
        ("~: a", "import.key", 1, 1),
        ("? [a]\n: 1", "import.key", 1, 3),
        ("a: &x b\n*x : c", "import.key", 2, 1),
        ("a: 1\n---\nb: 2\n", "import.documents", 2, 1),
        ("<<: 1", "import.merge", 1, 5),
        ("a: \x07", "import.character", 1, 4),
        ("x: y\na: \x1b[31m", "import.character", 2, 4),
    ],
)
def test_faults_are_found_where_they_are(text, rule, line, column):
    with pytest.raises(Refused) as refused:
        read_yaml(text)
    finding = refused.value.findings[0]
    assert (finding.rule, finding.line, finding.column) == (rule, line, column)


def test_a_tab_is_called_a_tab():
    with pytest.raises(Refused, match="a tab stands"):
        read_yaml("a:\n  b: 1\n\tc: 2")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 20)
)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (BOMB, "import.too-large"),
        ("[" * 1_000_000, "import.too-deep"),
        ("- " * 1_000_000, "import.too-deep"),
        ("{a: " * 1_000_000, "import.too-deep"),
        ("[" + "1," * 500_000 + "]", "import.too-large"),
    ],
)
def test_bombs_are_refused_in_time(text, rule):
    began = time.process_time()
    with pytest.raises(Refused) as refused:
        read_yaml(text)
    assert refused.value.findings[0].rule == rule
    assert time.process_time() - began < 5
