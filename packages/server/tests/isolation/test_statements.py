"""Every statement of every store names the organisation for every tenant table it touches.

Read from the sources, so it holds for statements that no test runs; that the filters do their work with row-level
security out of the way is shown by execution where a room's own tests do so.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src/vectorflow"
_STATEMENT = re.compile(r"\s*(select|insert|update|delete|with)\b")
_TOUCHES = re.compile(
    r"\b(?:from|join|update|into|using)\s+(?:only\s+)?(?:public\.)?([a-z_]+)\b", re.IGNORECASE
)
_FILTERS = re.compile(
    r"organization_id\s*=\s*(?:%\(organization_id\)s|\w+\.organization_id|o\.id\b)"  # where, on
    r"|\(organization_id\s*,"  # the columns of an insert
    r"|(?<=into organizations )\(id\b"
    r"|\bid\s*=\s*%\(organization_id\)s",  # the table of organisations itself
    re.IGNORECASE,
)


class Statement(NamedTuple):
    place: str
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {' '.join(self.text.split())[:90]}"


def statements() -> Iterator[Statement]:
    for path in sorted(SOURCES.rglob("*.py")):
        parts = path.relative_to(SOURCES).parts
        if path.name != "store.py" and "store" not in parts:
            continue
        for line, text in _texts(ast.parse(path.read_text())):
            if _STATEMENT.match(text) and _TOUCHES.search(text):
                yield Statement(f"{'/'.join(parts)}:{line}", text)


def _texts(node: ast.AST) -> Iterator[tuple[int, str]]:
    """Every literal text; one that is put together of several counts as a whole, without its named parts."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        parts = [
            each.value
            for each in ast.walk(node)
            if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        yield node.lineno, " ".join(sorted(parts, key=lambda part: not _STATEMENT.match(part)))
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.lineno, node.value
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def unfiltered(text: str, tenants: set[str]) -> bool:
    touched = [name for name in _TOUCHES.findall(text) if name in tenants]
    return len(_FILTERS.findall(text)) < len(touched)


@pytest.fixture(scope="module")
def tenants(world) -> set[str]:
    return {table.name.rpartition(".")[2] for table in world.tenant_tables}


def test_every_statement_names_the_organisation(tenants) -> None:
    found = list(statements())
    assert len(found) > 60
    faults = [str(each) for each in found if unfiltered(each.text, tenants)]
    assert not faults, f"{len(faults)} of {len(found)}:\n" + "\n".join(faults)


def test_a_statement_without_one_of_its_filters_is_found(tenants) -> None:
    """Each filter of each statement taken out, one at a time."""
    survived, made = [], 0
    for each in statements():
        if not any(name in tenants for name in _TOUCHES.findall(each.text)):
            continue
        filters = list(_FILTERS.finditer(each.text))
        if len(filters) > len([name for name in _TOUCHES.findall(each.text) if name in tenants]):
            continue  # a filter said twice; one of them may go
        for match in filters:
            made += 1
            mutant = each.text[: match.start()] + "true" + each.text[match.end() :]
            if not unfiltered(mutant, tenants):
                survived.append(str(each))
    assert made > 60
    assert not survived, "\n".join(survived)
