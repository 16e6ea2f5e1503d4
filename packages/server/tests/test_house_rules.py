"""The rules of the house that no linter knows, held by a walk over the syntax trees of the sources.

Each rule names the leak or the rot it prevents. A line that has to break one says so at its end:
`# house: <rule>: <why>`. Whole files that are the exception by design stand in ``EXCEPTIONS``.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
SERVER = ROOT / "packages/server/src/vectorflow"
PACKAGES = sorted((ROOT / "packages").glob("*/src/*"))
TESTS = [*sorted((ROOT / "packages/server/tests").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]

MARKER = re.compile(r"#\s*house:\s*(?P<rule>[a-z-]+):\s*(?P<why>\S.{9,})")

# (rule, path below the package) → why this file is the exception.
EXCEPTIONS = {
    ("network", "entry/client.py"): "the command line's API client: it talks to VectorFlow's own public API",
}

# Modules of the network; importing one outside egress is a way out that nobody vets.
NETWORK_MODULES = {
    "aiobotocore",
    "aiohttp",
    "aiosmtplib",
    "boto3",
    "botocore.client",
    "botocore.endpoint",
    "botocore.httpsession",
    "botocore.session",
    "dulwich",
    "ftplib",
    "http.client",
    "httpcore2",
    "httpx",
    "httpx2",
    "imaplib",
    "poplib",
    "requests",
    "smtplib",
    "socketserver",
    "telnetlib",
    "urllib.request",
    "urllib3",
    "websockets",
    "xmlrpc.client",
}
# Calls that open a connection, whatever they are called on.
NETWORK_CALLS = {"create_connection", "open_connection", "open_unix_connection", "sock_connect", "urlopen"}
# Modules and calls that open a connection to the database.
DATABASE_MODULES = {"asyncpg", "psycopg2", "psycopg_pool", "sqlalchemy"}
DATABASE_CLASSES = {"psycopg", "Connection", "AsyncConnection"}

# A keyword in one case is SQL; a capitalised one begins a sentence.
SQL = re.compile(
    r"\s*(?:"
    + "|".join(
        form
        for pattern in (
            r"select\s",
            r"insert\s+into\s",
            r"update\s+[\w.\"]+(\s+(as\s+)?\w+)?\s+set\s",
            r"delete\s+from\s",
            r"with\s+(recursive\s+)?\w+(\s*\([^)]*\))?\s+as\s+(not\s+materialized\s+|materialized\s+)?\(",
            r"merge\s+into\s",
            r"(create|alter|drop)\s+(or\s+replace\s+)?(table|function|index|unique\s+index|role|schema|view|policy"
            r"|database|type|domain|trigger|sequence|extension|materialized\s+view)\s",
            r"(grant|revoke)\s[\w\s,()*.]+\s(on|to|from)\s",
            r"truncate\s",
            r"copy\s+[\w.\"]+\s*(\(|from\s|to\s)",
            r"(un)?listen\s+\w+\s*;?$",
            r"notify\s+\w+\s*[,;]?",
            r"set\s+(local\s+|session\s+)?(role|search_path|lock_timeout|statement_timeout|transaction)\b",
            r"lock\s+table\s",
        )
        for form in (pattern, re.sub(r"(?<!\\)[a-z_]{2,}", lambda word: word[0].upper(), pattern))
    )
    + ")"
)


class Violation(NamedTuple):
    """One place that breaks a rule."""

    rule: str
    place: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: [{self.rule}] {self.what}"


class Source(NamedTuple):
    """One module: its path below the package, its text and its tree."""

    place: str
    text: str
    tree: ast.Module

    def excused(self, rule: str, node: ast.stmt | ast.expr) -> bool:
        """Tell whether a marker on one of the node's lines gives a reason for this rule."""
        lines = self.text.splitlines()[node.lineno - 1 : node.end_lineno]
        found = (MARKER.search(line) for line in lines)
        return any(match is not None and match["rule"] == rule for match in found)


Finding = tuple[ast.stmt | ast.expr, str]
Rule = Callable[[Source], Iterator[Finding]]


def source(place: str, text: str) -> Source:
    return Source(place, text, ast.parse(text))


def docstrings(tree: ast.Module) -> set[ast.expr]:
    owners = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return {
        node.body[0].value
        for node in owners
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant)
    }


def sql_outside_store(module: Source) -> Iterator[Finding]:
    """SQL stands only in store.py, the platform and its migrations, where the isolation rules are read."""
    parts = module.place.split("/")
    if parts[0] == "platform" or "store" in parts or parts[-1] == "store.py":
        return
    prose = docstrings(module.tree)
    for node in ast.walk(module.tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        if is_text and node not in prose and SQL.match(node.value):
            yield node, f"SQL outside store.py: {' '.join(node.value.split())[:50]!r}"


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def within(name: str, modules: set[str]) -> bool:
    return any(name == module or name.startswith(module + ".") for module in modules)


def called_name(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")


def network_outside_egress(module: Source) -> Iterator[Finding]:
    """Everything that leaves for the network goes through egress, which vets the address (P12, P13)."""
    if module.place.startswith("platform/egress"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name for name in imported(node) if within(name, NETWORK_MODULES)]
            if names:
                yield node, f"network client outside platform/egress: {names[0]}"
        elif isinstance(node, ast.Call) and called_name(node) in NETWORK_CALLS:
            yield node, f"connection opened outside platform/egress: {called_name(node)}()"


def database_outside_platform(module: Source) -> Iterator[Finding]:
    """Only the platform opens the database, so that no transaction is without its signed scope."""
    if module.place.startswith("platform/"):
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name for name in imported(node) if within(name, DATABASE_MODULES)]
            if names:
                yield node, f"database connections outside platform: {names[0]}"
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "connect"
        ):
            owner = node.func.value
            name = getattr(owner, "attr", "") or getattr(owner, "id", "")
            if name in DATABASE_CLASSES:
                yield node, f"database connection outside platform: {name}.connect()"


def imports_inside_functions(module: Source) -> Iterator[Finding]:
    """An import inside a function hides a circle between modules."""
    for function in ast.walk(module.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield node, f"import inside {function.name}()"


RULES: dict[str, Rule] = {
    "sql": sql_outside_store,
    "network": network_outside_egress,
    "database": database_outside_platform,
    "import": imports_inside_functions,
}


def violations(module: Source, rules: dict[str, Rule]) -> list[Violation]:
    found = set()
    for name, rule in rules.items():
        if (name, module.place) in EXCEPTIONS:
            continue
        for node, what in rule(module):
            if not module.excused(name, node):
                found.add(Violation(name, module.place, node.lineno, what))
    return sorted(found)


def modules_of(package: Path) -> list[Source]:
    return [
        source(str(path.relative_to(package)), path.read_text()) for path in sorted(package.rglob("*.py"))
    ]


@pytest.fixture(scope="module")
def server() -> list[Source]:
    return modules_of(SERVER)


@pytest.mark.parametrize("rule", RULES)
def test_the_server_keeps_the_rule(server: list[Source], rule: str) -> None:
    assert len(server) > 20
    found = [each for module in server for each in violations(module, {rule: RULES[rule]})]
    assert not found, "\n" + "\n".join(map(str, found))


@pytest.mark.parametrize("package", [each for each in PACKAGES if each != SERVER], ids=lambda path: path.name)
def test_other_packages_import_at_the_top(package: Path) -> None:
    found = [
        each for module in modules_of(package) for each in violations(module, {"import": RULES["import"]})
    ]
    assert not found, "\n" + "\n".join(map(str, found))


def test_exceptions_are_still_needed(server: list[Source]) -> None:
    places = {module.place: module for module in server}
    for rule, place in EXCEPTIONS:
        assert place in places, f"{place} has gone; take it out of EXCEPTIONS"
        assert list(RULES[rule](places[place])), f"{place} no longer breaks {rule!r}; take it out"


def test_markers_name_a_rule(server: list[Source]) -> None:
    for module in server:
        for number, line in enumerate(module.text.splitlines(), start=1):
            if re.search(r"#\s*house:", line):
                match = MARKER.search(line)
                assert match, f"{module.place}:{number}: write `# house: <rule>: <why>`, with a reason"
                assert match["rule"] in {*RULES, "test"}, f"{module.place}:{number}: no such rule"


BAD = [
    ("sql", 'ROWS = "select id from nodes"'),
    ("sql", 'ROWS = """\n  INSERT INTO nodes (id) values (%(id)s)"""'),
    ("sql", 'async def find(txn):\n    return await txn.rows(N, "with due as (select 1) select * from due")'),
    ("sql", 'def drop(name):\n    return f"drop table {name}"'),
    ("sql", 'X = "update nodes n set name = 1"'),
    ("sql", 'X = "delete from nodes"'),
    ("sql", 'X = "set local role vf_owner"'),
    ("sql", 'X = "create or replace function f() returns void"'),
    ("network", "import httpx2"),
    ("network", "from urllib import request"),
    ("network", "import urllib.request as u"),
    ("network", "from http import client"),
    ("network", "from botocore.session import get_session"),
    ("network", "import aiosmtplib.smtp"),
    ("network", "import socket\nsocket.create_connection(('a', 1))"),
    ("network", "import asyncio\nasync def f():\n    await asyncio.open_connection('a', 1)"),
    ("database", "import psycopg\nasync def f():\n    await psycopg.AsyncConnection.connect('x')"),
    ("database", "import psycopg\npsycopg.connect('x')"),
    ("database", "from psycopg_pool import AsyncConnectionPool"),
    ("import", "def f():\n    import json"),
    ("import", "class A:\n    async def f(self):\n        from a import b"),
]
GOOD = [
    'X = "Select a node, then choose Deploy."',
    'def f():\n    """select nothing: this is prose."""',
    'X = "Update the engine and set its path."',
    'X = "created with the organisation"',
    'X = "set of names"',
    "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))",
    "from urllib.parse import urlsplit\nfrom http import HTTPStatus",
    "import psycopg\nERROR = psycopg.OperationalError",
    "if True:\n    import json",
    'X = "select 1"  # house: sql: shown to people in the documentation',
]


@pytest.mark.parametrize(("rule", "text"), BAD)
def test_a_bad_line_is_found(rule: str, text: str) -> None:
    assert [each.rule for each in violations(source("fleet/service.py", text), RULES)] == [rule]


@pytest.mark.parametrize("text", GOOD)
def test_a_good_line_is_left_alone(text: str) -> None:
    assert violations(source("fleet/service.py", text), RULES) == []


def test_a_marker_needs_the_right_rule_and_a_reason() -> None:
    for comment in ("# house: network: not the rule that is broken", "# house: sql:", "# house: sql: why"):
        assert violations(source("fleet/service.py", f'X = "select 1"  {comment}'), RULES)


@pytest.mark.parametrize("place", ["fleet/store.py", "fleet/store/nodes.py", "platform/bus.py"])
def test_sql_has_its_places(place: str) -> None:
    assert violations(source(place, 'X = "select 1"'), {"sql": sql_outside_store}) == []


# Modules without a test that names them, and why that is right. One module excuses itself by a line
# `# house: test: <what tests it>`.
UNNAMED = {
    "platform/migrations": "run by every test that uses the database",
    "entry/up": "run as a whole, as a person would, by tests/e2e",
    "entry/client.py": "what `vectorflow up` speaks with the server through; run by tests/e2e",
}
# The alphabet of a room: worked through the room's service and routes, so a test of the room is enough.
ALPHABET = {"types", "errors", "store", "http", "jobs"}


def imported_by(tests: list[Source]) -> set[str]:
    """Every module that a test imports, or names in a text (to run or to patch it)."""
    named = set()
    for test in tests:
        for node in ast.walk(test.tree):
            named.update(imported(node))
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named.update(re.findall(r"vectorflow(?:\.\w+)+", node.value))
    return named


def wanted_name(place: Path) -> str:
    """What a test has to import for this module: itself, or its room for what is of the alphabet."""
    parts = place.with_suffix("").parts
    letters = [number for number, part in enumerate(parts) if part in ALPHABET]
    if letters and parts[0] != "platform":
        parts = parts[: letters[0]]
    return ".".join(("vectorflow", *parts))


def excused_from_tests(module: Source) -> bool:
    return any(match["rule"] == "test" for match in MARKER.finditer(module.text))


def unnamed_modules(modules: list[Source], tests: list[Source]) -> list[str]:
    named = imported_by(tests)
    missing = []
    for module in modules:
        place = Path(module.place)
        skipped = any(module.place.startswith(skip) for skip in UNNAMED)
        if place.name == "__init__.py" or skipped or excused_from_tests(module):
            continue
        if not within_any(wanted_name(place), named):
            missing.append(module.place)
    return missing


def within_any(wanted: str, named: set[str]) -> bool:
    return any(name == wanted or name.startswith(wanted + ".") for name in named)


def test_every_module_is_named_by_a_test(server: list[Source]) -> None:
    tests = [source(path.name, path.read_text()) for path in TESTS]
    missing = unnamed_modules(server, tests)
    assert not missing, "no test names these modules: " + ", ".join(missing)


def test_a_module_without_a_test_is_found() -> None:
    modules = [source("fleet/service.py", ""), source("fleet/store.py", "")]
    near = source("t.py", "from vectorflow.fleetwide import service")
    assert unnamed_modules(modules, [near]) == ["fleet/service.py", "fleet/store.py"]
    types = source("t.py", "from vectorflow.fleet import types")
    assert unnamed_modules(modules, [types]) == ["fleet/service.py"]
    for text in ("from vectorflow.fleet import (\n  service,\n)", "import vectorflow.fleet.service"):
        assert unnamed_modules(modules, [source("t.py", text)]) == []
    excused = source("fleet/beats.py", "# house: test: through the gateway's tests")
    assert unnamed_modules([excused, source("fleet/x.py", "# house: sql: something else")], []) == [
        "fleet/x.py"
    ]
