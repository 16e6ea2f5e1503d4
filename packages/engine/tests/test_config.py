"""Reading, secrets, merging and the graph: what is refused, and with which words."""

from pathlib import Path

import pytest

from vectorflow_engine.config.errors import ConfigError
from vectorflow_engine.config.graph import Port, Shape, resolve
from vectorflow_engine.config.load import find, load
from vectorflow_engine.config.read import parse

GOOD = """
sources: {in: {type: stdin}}
sinks: {out: {type: blackhole, inputs: [in]}}
"""


def write(folder, **files):
    paths = [folder / name.replace("_yaml", ".yaml") for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text)
    return paths


def refusal(paths, **kw):
    with pytest.raises(ConfigError) as caught:
        load(paths, resolve_secrets=kw.pop("resolve_secrets", True))
    return str(caught.value)


def test_yaml_is_read_as_version_1_2(tmp_path):
    table = parse(
        "a: on\nb: 0o17\nc: 1:30\nd: 2024-01-01\ne: ~\nf: 1e3\ng: true\nh: '1'\ni: &x {k: 1}\nj: {<<: *x}",
        Path("x.yaml"),
    )
    assert table == {
        "a": "on",
        "b": 15,
        "c": "1:30",
        "d": "2024-01-01",
        "e": None,
        "f": 1000.0,
        "g": True,
        "h": "1",
        "i": {"k": 1},
        "j": {"k": 1},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\na: 2", "duplicate key 'a' at line 2 column 1"),
        ("a: !!python/object:os.system x", "could not determine a constructor"),
        ("1: x", "keys must be text"),
        ("a: .nan", "NaN"),
        ("a: 9223372036854775808", "64 bits"),
        ("- 1", "table of options"),
        ("a: [", "at line"),
    ],
)
def test_bad_yaml(text, words):
    with pytest.raises(ConfigError, match=r"x\.yaml") as caught:
        parse(text, Path("x.yaml"))
    assert words in str(caught.value)


def test_files_merge(tmp_path):
    paths = write(
        tmp_path,
        a_yaml=GOOD,
        b_yaml="data_dir: /tmp\nsinks: {more: {type: console, inputs: [in], encoding: {codec: json}}}",
    )
    config = load(paths, resolve_secrets=True)
    assert set(config.components) == {"in", "out", "more"}
    assert config.globals.data_dir == "/tmp"
    assert config.components["more"].options == {"encoding": {"codec": "json"}}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("sources: {in: {type: stdin}}", "duplicate source id found: in"),
        ("sinks: {in: {type: stdin, inputs: [in]}}", "component id `in` is used by a source and a sink"),
        ("data_dir: /b", "conflicting values for global option `data_dir`"),
        ("nonsense: 1", "root option `nonsense`"),
        ("sources: {a: {}}", "Source `a`: option `type` is required"),
        ("sources: {a.b: {type: stdin}}", "hold a dot"),
        ("data_dir: [1]", "conflicting"),
        ("timezone: 5", "global options: option `timezone`: expected `str | null`, got `int`"),
    ],
)
def test_merge_conflicts(tmp_path, other, words):
    paths = write(tmp_path, a_yaml="data_dir: /a" + GOOD, b_yaml=other)
    assert words in refusal(paths)


def test_secrets_come_from_another_file_and_never_show(tmp_path):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "token").write_text("hunter2hunter2\n")
    backend = f"secret: {{vf: {{type: directory, path: {tmp_path}/keys, remove_trailing_whitespace: true}}}}"
    body = GOOD + '\ntimezone: "SECRET[vf.token]"'
    paths = write(tmp_path, a_yaml=body, b_yaml=backend)
    assert load(paths, resolve_secrets=True).globals.timezone == "hunter2hunter2"
    assert load(paths, resolve_secrets=False).globals.timezone == "SECRET[vf.token]"
    bad = write(tmp_path, c_yaml='wildcard_matching: "SECRET[vf.token]"', b_yaml=backend)
    assert "hunter2" not in refusal(bad)
    assert "[REDACTED]" in refusal(bad)


@pytest.mark.parametrize(
    ("placeholder", "words"),
    [
        ("SECRET[vf.none]", "secret `vf.none`: No such file or directory"),
        ("SECRET[vf.empty]", "secret `vf.empty` is empty"),
        ("SECRET[no.x]", "secret backend `no` is not defined"),
        ("SECRET[vf.../secret]", "secret `vf.../secret`: it cannot be read"),
    ],
)
def test_bad_secrets(tmp_path, placeholder, words):
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "empty").write_text("")
    (tmp_path / "secret").write_text("outside")
    text = f"secret: {{vf: {{type: directory, path: {tmp_path}/keys}}}}\ntimezone: '{placeholder}'" + GOOD
    assert words in refusal(write(tmp_path, a_yaml=text))


def test_file_backend(tmp_path):
    (tmp_path / "s.json").write_text('{"zone": "UTC"}')
    text = f"secret: {{f: {{type: file, path: {tmp_path}/s.json}}}}\ntimezone: SECRET[f.zone]" + GOOD
    assert load(write(tmp_path, a_yaml=text), resolve_secrets=True).globals.timezone == "UTC"


def test_find(tmp_path):
    write(tmp_path, a_yaml=GOOD, b_yaml=GOOD)
    (tmp_path / "c.txt").write_text("")
    assert [p.name for p in find([f"{tmp_path}/*.yaml", f"{tmp_path}/a.yaml"])] == ["a.yaml", "b.yaml"]
    assert [p.name for p in find([], [str(tmp_path)])] == ["a.yaml", "b.yaml"]
    with pytest.raises(ConfigError, match="not found"):
        find([f"{tmp_path}/none.yaml"])


LOG, METRIC = frozenset({"log"}), frozenset({"metric"})


def shape_of(component):
    if component.type == "numbers":
        return Shape(("_default",), METRIC, METRIC)
    if component.type == "route":
        return Shape(("a", "_unmatched"), LOG | METRIC, None)
    return Shape(
        () if component.kind == "sink" else ("_default",), LOG, None if component.kind == "transform" else LOG
    )


def graph(tmp_path, text):
    return resolve(load(write(tmp_path, a_yaml=text), resolve_secrets=False), shape_of)


def test_inputs_match_ports_and_patterns(tmp_path):
    found = graph(
        tmp_path,
        "sources: {in: {type: x}}\ntransforms: {r: {type: route, inputs: [in]}}\nsinks: {o: {type: x, inputs: ['r*', 'in']}, p: {type: x, inputs: [r.a]}}",
    )
    assert found.inputs["o"] == (Port("r", "a"), Port("r", "_unmatched"), Port("in", "_default"))
    assert found.consumers(Port("r", "a")) == ["o", "p"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sources: {in: {type: x}}", "no sinks were defined"),
        (
            "sources: {in: {type: x}}\nsinks: {o: {type: x, inputs: [gone]}}",
            'Input "gone" for sink "o" doesn\'t match',
        ),
        ("sources: {in: {type: x}}\nsinks: {o: {type: x, inputs: []}}", 'Sink "o" has no inputs'),
        ("sources: {in: {type: x}}\nsinks: {o: {type: x, inputs: [in, in]}}", "duplicate input"),
        (
            "sources: {in: {type: x}}\ntransforms: {a: {type: x, inputs: [b]}, b: {type: x, inputs: [a]}}\nsinks: {o: {type: x, inputs: [in]}}",
            "Cyclic dependency",
        ),
        (
            "sources: {in: {type: numbers}}\nsinks: {o: {type: x, inputs: [in]}}",
            "Data type mismatch between in (metric) and o (log)",
        ),
        (
            "sources: {in: {type: numbers}}\ntransforms: {r: {type: route, inputs: [in]}}\nsinks: {o: {type: x, inputs: [r.a]}}",
            "Data type mismatch between r (metric)",
        ),
    ],
)
def test_bad_graphs(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        graph(tmp_path, text)
    assert words in str(caught.value)


def test_a_relaxed_wildcard_may_match_nothing(tmp_path):
    text = "wildcard_matching: relaxed\nsources: {in: {type: x}}\nsinks: {o: {type: x, inputs: [in, 'no*']}}"
    assert graph(tmp_path, text).inputs["o"] == (Port("in", "_default"),)
