import time

import pytest

from vectorflow_topology.text.parse import MAX_BYTES, parse_text
from vectorflow_topology.text.reader import Refused


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("# c\n[a]\nb = 1\n", {"a": {"b": 1}}),
        ('a.b = "x"\n', {"a": {"b": "x"}}),
        ("[[a]]\nb = 1\n", {"a": [{"b": 1}]}),
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ('\n{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        ("a:\n  b: 1\n", {"a": {"b": 1}}),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("\ufeffa: 1", {"a": 1}),
        ("url: http://x?a=b", {"url": "http://x?a=b"}),
        ("a = 1979-05-27T07:32:00Z", {"a": "1979-05-27T07:32:00+00:00"}),
        ("a = [1979-05-27, 07:32:00]", {"a": ["1979-05-27", "07:32:00"]}),
    ],
)
def test_formats_are_told_apart(text, value):
    assert parse_text(text).value == value
    assert parse_text(text.encode()).value == value


@pytest.mark.parametrize(
    ("text", "form", "rule", "line", "column"),
    [
        (b"a: 1\nb: \xff", "auto", "import.encoding", 2, 4),
        ("a: \ud800", "auto", "import.encoding", 1, 4),
        ("[a]\nb = 1\nb = 2\n", "auto", "import.syntax", 3, 6),
        ("[a]\n[a]\n", "auto", "import.syntax", 2, 3),
        ("a = ", "toml", "import.syntax", 1, 5),
        ("a = 99999999999999999999", "toml", "import.number", None, None),
        ("a = nan", "toml", "import.number", None, None),
        ("a." * 500 + "b = 1", "toml", "import.too-deep", 1, 1),
        ('{"a": 1, "a": 2}', "auto", "import.duplicate-key", 1, 10),
        ('{"a":\n}', "json", "import.syntax", 2, 1),
        ('{"a": NaN}', "json", "import.number", 1, 7),
        ('{"a": 99999999999999999999}', "json", "import.number", 1, 7),
        ('{"a":' * 500 + "1" + "}" * 500, "json", "import.too-deep", 1, None),
        ("a: b: c", "yaml", "import.syntax", 1, 5),
    ],
)
def test_faults_have_a_place(text, form, rule, line, column):
    with pytest.raises(Refused) as refused:
        parse_text(text, form)
    finding = refused.value.findings[0]
    assert (finding.rule, finding.line) == (rule, line)
    assert column is None or finding.column == column


@pytest.mark.parametrize(
    "text",
    [
        "x" * (MAX_BYTES + 1),
        "x = " + "[" * 1_000_000,
        "x = " + "{a=" * 1_000_000,
        "a" + ".a" * 2_000_000 + " = 1",
        "a" * 4_000_000 + " = ",
        '{"a":' * 900_000,
        "[" * 4_000_000,
        "{" * 4_000_000,
        '"' * 4_000_000,
    ],
)
@pytest.mark.parametrize("form", ["auto", "toml", "json"])
def test_hostile_texts_are_refused_in_time(text, form):
    began = time.process_time()
    with pytest.raises(Refused):
        parse_text(text, form)
    assert time.process_time() - began < 5


def test_dotted_keys_without_end_are_refused_in_time():
    began = time.process_time()
    with pytest.raises(Refused):
        parse_text("a . " * 1_000_000 + "= 1", "toml")
    assert time.process_time() - began < 5


@pytest.mark.parametrize("text", ["0", "null", '"x"', "[]"])
def test_json_of_any_shape_is_read(text):
    parse_text(text, "json")
