"""The documentation's tables equal the code, and no variable is read that no page explains."""

import ast
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from vectorflow.entry.cli import app

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


# --- What pages say in prose, where it can be compared ---

SOURCES = "\n".join(
    " ".join(path.read_text().split())
    for folder in ("packages", "scripts")
    for pattern in ("*.py", "*.sh")
    for path in sorted((ROOT / folder).rglob(pattern))
    if "/tests/" not in str(path)
)
UNQUOTED = SOURCES.replace('" f"', "").replace('" "', "")


def cells(page: Path, column: int) -> list[str]:
    """One column of every table of a page."""
    rows = [line.strip("| ").split(" | ") for line in page.read_text().splitlines() if line.startswith("| ")]
    return [row[column] for row in rows if len(row) > column]


def quoted_messages(page: Path) -> list[str]:
    """Messages that a page quotes: code that begins like a sentence."""
    found = [text for cell in cells(page, 0) for text in re.findall(r"`([^`]+)`", cell)]
    return [text for text in found if re.match(r"[A-Z][a-z']+ ", text)]


def is_said(message: str) -> bool:
    """Whether the code says this; numbers and omissions stand for what the code puts in."""
    pieces = re.split(r"\d+(?![\d.]*\.\d)|…", message)
    return all(piece.strip() in UNQUOTED or piece.strip() in SOURCES for piece in pieces)


def test_messages_that_pages_quote_are_the_codes_own() -> None:
    messages = quoted_messages(DOCS / "operations/troubleshooting.md")
    assert len(messages) > 10
    assert [message for message in messages if not is_said(message)] == []
    assert not is_said("The database login may not do anything.")


def words_of(module: str, *classes: str) -> set[str]:
    """Values of the constants that stand in classes of a module of the wire package."""
    tree = ast.parse((ROOT / f"packages/wire/src/vectorflow_wire/{module}.py").read_text())
    return {
        node.value.value
        for owner in tree.body
        if isinstance(owner, ast.ClassDef) and (not classes or owner.name in classes)
        for node in owner.body
        if isinstance(node, ast.AnnAssign | ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        and node.value.value
    }


def test_the_protocol_page_names_every_word() -> None:
    text = (DOCS / "agent/protocol.md").read_text()
    words = words_of("messages", "ReportKind", "ReportReason")
    words |= words_of("bundles", "DesiredState", "Handover") | words_of("verify")
    assert len(words) > 25
    assert [word for word in sorted(words) if f"`{word}`" not in text and word != "bundle-refused"] == []


def test_the_architecture_names_what_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    server = ROOT / "packages/server/src/vectorflow"
    rooms = {path.parent.name for path in server.glob("*/__init__.py")} - {"web"}
    shown = set(re.findall(r"^\| `(\w+)` \| [a-zA-Z]", text, flags=re.MULTILINE))
    assert rooms - shown == set()
    assert {f"packages/{path.name}" for path in (ROOT / "packages").iterdir()} <= set(
        re.findall(r"^\| `([\w/]+)` \|", text, flags=re.MULTILINE)
    )


def test_the_database_page_names_every_role() -> None:
    migrate = (ROOT / "packages/server/src/vectorflow/platform/migrate.py").read_text()
    credentials = (ROOT / "packages/server/src/vectorflow/platform/credentials.py").read_text()
    roles = set(re.findall(r'"(vf_[a-z]+)"', migrate + credentials))
    assert len(roles) > 7
    assert {cell.strip("`") for cell in cells(DOCS / "operations/database.md", 0)} >= roles


def test_nothing_is_loaded_from_other_hosts() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    assert "font: false" in text
    assert not re.search(r"extra_(css|javascript):.*https?://", text)
    assert not any("```mermaid" in page.read_text() for page in PAGES)


def every_page() -> str:
    """All pages of the documentation and of the folder, without sentences about what is not built."""
    text = "\n".join(page.read_text() for page in [*PAGES, *sorted(ROOT.glob("*.md"))])
    return re.sub(r"[^\n]*not built yet[^\n]*", "", text)


def test_commands_that_pages_name_exist() -> None:
    shown = set(re.findall(r"(?:`|/|\S )vectorflow ([a-z]+)", every_page()))
    commands = {
        command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands
    }
    commands |= {group.name for group in app.registered_groups}
    assert {"up", "migrate", "serve"} <= shown
    assert {name for name in shown if f"`vectorflow {name}" in every_page()} - commands == set()


def test_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    shown = set(re.findall(r"(?:`|^)make ([a-z-]+)", every_page(), flags=re.MULTILINE))
    assert {"up", "test"} <= shown
    assert shown - targets == set()
