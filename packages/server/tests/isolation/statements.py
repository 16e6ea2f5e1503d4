"""Every statement of every store, as the process runs it, and its mutants: each filter by organisation taken out.

Read from the sources and put together in the modules themselves, so that a text made of several parts is whole.
"""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

SOURCES = Path(__file__).resolve().parents[2] / "src/vectorflow"
_CALLS = {"rows", "row", "rows_of_ids", "value", "execute", "execute_many", "copy"}
_STATEMENT = re.compile(r"\s*(select|insert|update|delete|with|copy)\b", re.IGNORECASE)
_TOUCHES = re.compile(
    r"\b(?:from|join|update|into|using|copy)\s+(?:only\s+)?(?:public\.)?([a-z_]+)\b", re.IGNORECASE
)
_CHANGES = re.compile(r"\b(?:update|into|delete from)\s+(?:only\s+)?(?:public\.)?([a-z_]+)\b", re.IGNORECASE)
_FILTERS = re.compile(
    r"(?<!conflict )(?<!foreign key )\(organization_id\s*,"  # the columns of an insert
    r"|(?:\b\w+\.)?organization_id\s*=\s*(?:%\(organization_id\)s|\w+\.organization_id|o\.id\b)"
    r"|(?<=into organizations )\(id\s*,"
    r"|\b(?:\w+\.)?id\s*=\s*%\(organization_id\)s",  # the table of organisations itself
    re.IGNORECASE,
)


class Statement(NamedTuple):
    """A statement and where it stands; `name` is the store's function."""

    place: str
    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.place} {self.name}"

    @property
    def touched(self) -> list[str]:
        """Every table or function that it names after a word that takes one, as often as it does."""
        return [str(each) for each in _TOUCHES.findall(self.text)]

    @property
    def changed(self) -> list[str]:
        """The tables that it writes."""
        return sorted({str(each) for each in _CHANGES.findall(self.text)} - {"set", "skip"})


class Mutant(NamedTuple):
    """A statement without one of its filters; `insert` where it says no more whose the new row is."""

    statement: Statement
    text: str
    filter: str
    number: int
    insert: bool

    def __str__(self) -> str:
        return f"{self.statement} without filter {self.number} ({self.filter})"


def store_paths() -> list[Path]:
    """Every module that holds SQL of a room."""
    return [
        path
        for path in sorted(SOURCES.rglob("*.py"))
        if path.name == "store.py" or "store" in path.relative_to(SOURCES).parts[:-1]
    ]


def statements() -> Iterator[Statement]:
    """Yield every statement that a store runs. Raises `LookupError` for one that cannot be read."""
    for path in store_paths():
        place = path.relative_to(SOURCES).as_posix()
        module = importlib.import_module("vectorflow." + place.removesuffix(".py").replace("/", "."))
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for text in dict.fromkeys(_texts(function, module)):
                    yield Statement(place, function.name, text)


def literals() -> Iterator[tuple[str, str]]:
    """Yield place and text of every literal in the stores that begins as a statement does, but for docstrings."""
    for path in store_paths():
        tree = ast.parse(path.read_text())
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in said:
                continue
            if _STATEMENT.match(node.value) and _TOUCHES.search(node.value):
                yield f"{path.relative_to(SOURCES).as_posix()}:{node.lineno}", node.value


def unfiltered(statement: Statement, tenants: set[str]) -> bool:
    """Whether a statement touches more tables of organisations than it has filters."""
    touched = [name for name in statement.touched if name in tenants]
    return len(_FILTERS.findall(statement.text)) < len(touched)


def mutants(statement: Statement) -> Iterator[Mutant]:
    """Yield the statement without each of its filters, one at a time."""
    for number, match in enumerate(_FILTERS.finditer(statement.text), 1):
        insert = match[0].startswith("(")
        text = _without(statement.text, match, insert=insert)
        yield Mutant(statement, text, match[0], number, insert)


def _without(text: str, match: re.Match[str], *, insert: bool) -> str:
    before, after = text[: match.start()], text[match.end() :]
    if not insert:
        return f"{before}true{after}"
    # the column and the value that fills it
    return before + "(" + _FILLED.sub(r"\1", after, count=1)


_FILLED = re.compile(r"(\bvalues\s*\(|\bselect\s)\s*(?:%\(organization_id\)s|(?:\w+\.)?organization_id)\s*,")


def _texts(function: ast.AST, module: ModuleType) -> Iterator[str]:
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in _CALLS:
            given = [*call.args, *(each.value for each in call.keywords)]
            for each in given:
                yield from (text for text in _values(each, module) if _STATEMENT.match(text))


def _values(node: ast.expr, module: ModuleType) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _values(node.body, module)
        yield from _values(node.orelse, module)
    elif isinstance(node, ast.Constant | ast.BinOp | ast.Name):
        try:
            found = eval(compile(ast.Expression(node), module.__name__, "eval"), dict(vars(module)))
        except NameError:
            return  # a parameter of the function; `literals` tells what was missed by that
        if isinstance(found, str):
            yield found
