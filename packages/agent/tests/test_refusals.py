"""Every code that an agent can refuse with has a test that makes a real agent utter it, and a line in the reference."""

import ast
import importlib
from pathlib import Path

import pytest

import vectorflow_agent
from vectorflow_wire.keys import KeyListRefused
from vectorflow_wire.messages import ReportReason
from vectorflow_wire.releases import ReleaseRefused
from vectorflow_wire.statements import StatementRefused
from vectorflow_wire.verify import BundleRefused

HERE = Path(__file__).parent
SOURCES = Path(vectorflow_agent.__file__).parent
REFERENCE = HERE.parents[2] / "docs" / "agent" / "protocol.md"
FAMILIES = (BundleRefused, KeyListRefused, StatementRefused, ReleaseRefused)
BASES = {each.__name__ for each in FAMILIES if each.__subclasses__()}
REASONED = {"UpdateRefused", "CannotObey", "NotPrepared", "Unhealthy", "CannotTakeOver"}
"""The agent's own refusals, whose reasons are given when they are raised."""


def below(family):
    for child in family.__subclasses__():
        yield child
        yield from below(child)


def codes():
    """What can stand as the reason of a report: the codes of what `wire` refuses, and the known reasons."""
    refusals = [each for family in FAMILIES for each in (list(below(family)) or [family])]
    reasons = [value for name, value in vars(ReportReason).items() if name.isupper()]
    return sorted({each.code for each in refusals} | set(reasons))


def provoked():
    """The codes that tests say they provoke; `conftest` looks whether they did."""
    found = set()
    for path in HERE.glob("test_*.py"):
        module = importlib.import_module(f"packages.agent.tests.{path.stem}")
        for test in vars(module).values():
            for mark in getattr(test, "pytestmark", ()):
                found |= set(mark.args) if mark.name == "provokes" else set()
                cases = mark.args[1] if mark.name == "parametrize" else ()
                for inner in (each for case in cases for each in getattr(case, "marks", ())):
                    found |= set(inner.args) if inner.name == "provokes" else set()
    return found


@pytest.fixture(scope="module")
def known():
    return provoked()


@pytest.mark.parametrize("code", codes())
def test_a_test_provokes_it_and_the_reference_names_it(code, known):
    assert code in known, "write a test that makes an agent refuse with it, marked `provokes`"
    assert f"`{code}`" in REFERENCE.read_text()


def test_nothing_is_provoked_that_nobody_utters(known):
    assert known <= set(codes())
    assert len(codes()) > 40


def test_no_reason_is_invented_where_it_is_told():
    """A reason is a code of a class or of `ReportReason`, never a text on the spot: else it would be missed above."""
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            # A family has no rule of its own to name. (In `link` nobody could be told: the node has not enrolled.)
            assert called not in BASES or path.name == "link.py", f"{path.name}:{node.lineno}"
            given = [each.value for each in node.keywords if each.arg == "reason"]
            given += node.args[:2] if called in REASONED else []
            invented = [each.value for each in given if isinstance(each, ast.Constant) and _like_a_code(each)]
            assert not invented, f"{path.name}:{node.lineno}"


def _like_a_code(constant):
    return isinstance(constant.value, str) and constant.value and " " not in constant.value
