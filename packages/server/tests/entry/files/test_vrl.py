"""VRL for checks: by version, without running anything, and honest about what was not compiled."""

import pytest

from vectorflow.entry.files.vrl import VersionedVrl


@pytest.fixture(scope="module")
def vrl():
    with VersionedVrl("0.54.0") as compiler:
        yield compiler


def said(vrl, program, kind="program"):
    return [(each.severity, each.code, each.line, each.column) for each in vrl.compile(program, kind=kind)]


def test_programs_and_conditions(vrl):
    assert said(vrl, ".a = upcase!(.b)") == []
    assert said(vrl, "\n.a = nope(1)") == [("error", "E105", 2, 6)]
    assert said(vrl, ".a == 1", "condition") == []
    assert said(vrl, ".a = 1", "condition")[0][0] == "error"


def test_what_only_touches_the_host_later_is_compiled(vrl):
    assert said(vrl, '.a = get_env_var!("HOME")\n.b = get_hostname!()') == []
    assert said(vrl, ".a = get_env_var!(1)")[0][0] == "error"


def test_what_reads_files_while_compiling_is_noted(vrl):
    program = '.a = parse_proto!(.b, "/etc/passwd", "x.Y")'
    assert said(vrl, program) == [("note", "not-compiled", 1, 6)]


def test_newer_functions_are_noted_or_refused_by_version(vrl):
    assert said(vrl, ".a = basename!(.b)") == [("note", "not-compiled", 1, 6)]
    assert said(vrl, ".a = from_entries(.b)") == [("error", "function-too-new", 1, 6)]
    with VersionedVrl("0.57.0") as newer:
        assert said(newer, ".a = from_entries(.b)") == [("note", "not-compiled", 1, 6)]
    with VersionedVrl("0.30.0") as older:
        assert said(older, ".a = to_syslog_facility_code!(.b)") == [("error", "function-too-new", 1, 6)]


def test_a_syntax_error_beside_a_newer_function_is_found(vrl):
    found = said(vrl, ".a = basename!(.b\n.c = = 1")
    assert [each for each in found if each[0] == "error"]


@pytest.mark.parametrize(
    "program", ["(" * 2000, ".a[200000000] = 1", "x = [1]\n" + "x = append(x, x)\n" * 24]
)
def test_killers_end_with_a_word(vrl, program):
    assert said(vrl, program)[0][0] == "error"
    assert said(vrl, ".a = 1") == []
