"""The documentation's tables equal the code, and no variable is read that no page explains."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
SETTINGS_PAGE = DOCS / "reference/settings.md"
HINT = "run .venv/bin/python docs/_tools/tables.py"
VARIABLE = re.compile(r"VECTORFLOW(?:_[A-Z0-9]+)+|VECTOR_[A-Z]+")


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("documentation_tables", DOCS / "_tools/tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_by(package: Path) -> set[str]:
    """Variables that a package's code names in full."""
    return {
        node.value
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_tables_are_as_the_code_is(tool: ModuleType, page: Path) -> None:
    text = page.read_text()
    assert tool.filled(text) == text, HINT


def test_every_table_has_its_page(tool: ModuleType) -> None:
    shown = [name for page in PAGES for name in tool.marks(page.read_text())]
    assert sorted(shown) == sorted(tool.TABLES)


def test_a_changed_table_is_noticed(tool: ModuleType) -> None:
    text = SETTINGS_PAGE.read_text()
    line = next(line for line in text.splitlines() if line.startswith("| `VECTORFLOW_PORT`"))
    for wrong in (line.replace("8484", "8485"), line.replace("Port", "Gate"), ""):
        assert tool.filled(text.replace(line, wrong)) != text.replace(line, wrong)


def test_every_setting_says_what_it_means(tool: ModuleType) -> None:
    rows = [
        line.split(" | ")
        for name in ("settings", "agent_settings")
        for line in getattr(tool, name)().splitlines()
    ]
    described = [row for row in rows if row[0].startswith("| `V")]
    assert len(described) > 30
    assert [row[0] for row in described if len(row[-2]) < 15] == []


@pytest.mark.parametrize("package", ["server", "agent", "engine"])
def test_every_variable_is_documented(package: str) -> None:
    known = set(VARIABLE.findall(SETTINGS_PAGE.read_text()))
    unknown = read_by(ROOT / f"packages/{package}/src") - known
    assert {name for name in unknown if not any(each.startswith(name + "_") for each in known)} == set()


def test_every_problem_says_what_to_do(tool: ModuleType) -> None:
    rows = [line.split(" | ") for line in tool.problems().splitlines()[2:]]
    assert len(rows) > 20
    assert [row[0] for row in rows if len(row[2]) < 20] == []


def test_cells_cannot_break_a_table(tool: ModuleType) -> None:
    assert tool.table(("a", "b"), iter([("x|y", "one\ntwo")])).splitlines()[2] == r"| x\|y | one two |"
