"""Places in TOML and in programs, compared with the text that stands there."""

import pytest

from vectorflow.entry.files.given import File
from vectorflow.entry.files.places import Places
from vectorflow_topology.text.parse import parse_text


def places(text: str, form) -> Places:
    read = parse_text(text, form)
    return Places(File("x", text.encode(), form, read.value, read.positions, ()))


TOML = """\
title.deep = 1
[sources."a b"]  # why
type = "stdin"
text = \"\"\"
[not.a.table]
fake = 1
\"\"\"

[[tests]]
name = "one"
[[tests]]
  name = 'two'
  [tests.more]
  x = 1
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("title", "deep"), (1, 14)),
        (("sources", "a b"), (2, 1)),
        (("sources", "a b", "type"), (3, 8)),
        (("sources", "a b", "text"), (4, 8)),
        (("tests", 0, "name"), (10, 8)),
        (("tests", 1, "name"), (12, 10)),
        (("sources", "a b", "nothing", 3), (2, 1)),
        (("not", "a", "table"), None),
        (("sinks", "o"), None),
    ],
)
def test_toml(path, place):
    assert places(TOML, "toml").nearest(path) == place


def test_the_nearest_place_is_not_farther_than_asked():
    assert places(TOML, "toml").nearest(("sources", "a b", "no"), 3) is None


@pytest.mark.parametrize(
    ("form", "text", "line", "column"),
    [
        ("yaml", "p: |\n\n    .a\n    .b = X\n", 3, 6),
        ("yaml", "p: |-  # why\n  .a\n  .b = X\n", 2, 6),
        ("yaml", 'p: "\\u00e9\\x41\\n\\"X"\n', 2, 2),
        ("yaml", "p: ' ''X'\n", 1, 3),
        ("json", '{"p": "a\\tb\\nX"}', 2, 1),
        ("toml", "p = '''\n.a\n  X'''\n", 2, 3),
        ("toml", "p = '''.a\n  X'''\n", 2, 3),
        ("toml", "p = '''.aX'''\n", 1, 3),
        ("toml", 'p = "a\\nX"\n', 2, 1),
        ("toml", "p = 'aX'\n", 1, 2),
    ],
)
def test_a_place_in_a_program(form, text, line, column):
    found = places(text, form).in_program(("p",), line, column)
    assert found is not None
    here = text.splitlines()[found[0] - 1][found[1] - 1 :]
    assert here.startswith("X")


def test_a_folded_program_is_found_where_it_begins():
    assert places("p: >\n  .a\n  .b\n", "yaml").in_program(("p",), 1, 4) == (1, 4)
