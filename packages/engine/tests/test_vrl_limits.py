"""What is refused before the compiler: every known killer, and nothing innocent."""

import pytest

from vectorflow_engine.vrl.limits import HOST_FUNCTIONS, MAX_SOURCE_BYTES, blank, check


def codes(source, kind="program", service=True):
    return [found.code for found in check(source, kind=kind, service=service)]


@pytest.mark.parametrize(
    "source",
    [
        ".a = " + "(" * 2000 + "1" + ")" * 2000,
        ".a = " + "[" * 200 + "]" * 200,
        ".a = " + "!" * 500 + "true",
        ".a[200000000] = 1",
        ".a[-99999999999999999999] = 1",
        "\n".join(f".a{n} = {n}" for n in range(4000)),
        "# " + "x" * MAX_SOURCE_BYTES,
        ".a = 1\0",
    ],
)
def test_killers_are_refused(source):
    assert "vrl.too-large" in codes(source)


@pytest.mark.parametrize("name", sorted(HOST_FUNCTIONS))
def test_host_functions_are_refused_in_service(name):
    assert codes(f'.a = {name}!("x")') == ["vrl.forbidden"]
    assert codes(f'.a = {name} ("x")') == ["vrl.forbidden"]
    assert codes(f'.a = {name}!("x")', service=False) == []


@pytest.mark.parametrize(
    "source",
    [
        '.a = "get_env_var(x)" # get_env_var("x")',
        ".get_env_var = .a[10]",
        ".a = s'(((' + \"" + "(" * 300 + '"',
        '.a = "\\"" + "((" + r\'[\' + "x"',
    ],
)
def test_text_is_no_code(source):
    assert codes(source) == []


def test_blank_keeps_positions():
    source = 'a = "x\ny" # end\nb'
    assert len(blank(source)) == len(source)
    assert blank(source).index("b") == source.index("\nb") + 1


def test_position_of_a_complaint():
    [found] = check('.a = 1\n.b = get_env_var!("HOME")', kind="program", service=True)
    assert (found.line, found.column) == (2, 6)
