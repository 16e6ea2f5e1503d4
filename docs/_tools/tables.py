"""Writes the tables of the documentation that come from the code, between their marks.

Run it after changing a setting, a permission or an error: `.venv/bin/python docs/_tools/tables.py`.
A test compares the committed pages with what this would write.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from vectorflow.platform.settings import describe_settings
from vectorflow.tenancy.policy import policy_rows
from vectorflow_agent.doctor.catalogue import KINDS
from vectorflow_engine.catalogue import SPECS
from vectorflow_engine.vrl.functions import VrlFunction, functions
from vectorflow_wire.messages import PROBLEM_PREFIX

DOCS: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = DOCS.parent / "packages"
_MARKED: Final = re.compile(r"(<!-- table: (?P<name>[a-z-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a Markdown table; bars and line breaks in cells are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or "–"


def settings() -> str:
    """Every setting of the server."""
    rows = (
        (f"`{each.variable}`", each.description, f"`{each.default}`" if each.default else "–")
        for each in describe_settings()
    )
    return table(("Variable", "Meaning", "Default"), rows)


def agent_settings() -> str:
    """Every setting of the agent, from its settings module (which the server does not import)."""
    tree = ast.parse((PACKAGES / "agent/src/vectorflow_agent/settings.py").read_text())
    variables = _agent_variables(tree)
    return table(("Variable", "In the file", "Meaning", "Default"), _agent_rows(tree, variables))


def _agent_variables(tree: ast.Module) -> dict[str, str]:
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "_VARIABLES" and node.value:
            found: dict[str, str] = ast.literal_eval(node.value)
            return found
    raise LookupError("the agent's settings module has no _VARIABLES any more; follow it here")


def _agent_rows(tree: ast.Module, variables: dict[str, str]) -> Iterator[Sequence[str]]:
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    for field, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            name = field.target.id
            default = ast.literal_eval(field.value) if field.value is not None else ""
            text = str(default).lower() if isinstance(default, bool) else str(default)
            yield f"`{variables[name]}`", f"`{name}`", _docstring(following), f"`{text}`" if text else ""


def _docstring(statement: ast.stmt) -> str:
    match statement:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return "Least level of log lines that are written."


def permissions() -> str:
    """Who may do what."""
    rows = policy_rows()
    head = next(rows)
    return table(head, ((f"`{permission}`", *rest) for permission, *rest in rows))


def problems() -> str:
    """Every problem type that the API or the gateway answers, with its status and message."""
    found: dict[str, tuple[str, str, str]] = {}
    for path in sorted((PACKAGES / "server/src/vectorflow").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                given = {word.arg: word.value for word in node.keywords}
                if "code" in given and "status" in given:
                    code = str(ast.literal_eval(given["code"]))
                    first = (ast.get_docstring(node) or "").splitlines()[0]
                    found[code] = (f"`{PROBLEM_PREFIX}{code}`", str(ast.literal_eval(given["status"])), first)
    return table(("Type", "Status", "Message"), iter(found[code] for code in sorted(found)))


def engine_components() -> str:
    """What the embedded engine runs."""
    kinds = ("source", "transform", "sink")
    types = {kind: sorted(name for each, name in SPECS if each == kind) for kind in kinds}
    rows = ((f"{kind}s", ", ".join(f"`{name}`" for name in types[kind])) for kind in kinds)
    return table(("Kind", "Types"), rows)


def vrl_functions() -> str:
    """Every function of VRL, for people who write programs."""
    rows = (_vrl_row(each) for each in functions())
    return table(("Function", "What it gives", "Returns", "Can fail", "Reaches", "Since"), rows)


def _vrl_row(each: VrlFunction) -> Sequence[str]:
    reaches = (each.touches or "").replace("_", " ").replace("+", " and ")
    fails = "yes" if each.fallible else ""
    here = "" if each.compiles_here else " *(not here)*"
    returns = " or ".join(each.returns)
    return f"`{each.signature}`{here}", each.summary, returns, fails, reaches, each.since or ""


def doctor_findings() -> str:
    """Every finding of the agent's doctor, as a section of its own."""
    return "".join(
        f"\n### {name}\n\n*{kind.severity}* · {kind.means}\n\n**What to do:** {kind.do}\n"
        for name, kind in KINDS.items()
    )


TABLES: Final[dict[str, Callable[[], str]]] = {
    "settings": settings,
    "agent-settings": agent_settings,
    "permissions": permissions,
    "problems": problems,
    "engine-components": engine_components,
    "vrl-functions": vrl_functions,
    "doctor-findings": doctor_findings,
}


def filled(page: str) -> str:
    """Return a page with each marked table as it is now. Raises KeyError for an unknown mark."""
    return _MARKED.sub(lambda mark: mark[1] + TABLES[mark["name"]]() + mark[3], page)


def marks(page: str) -> list[str]:
    """Return the names of the tables a page asks for."""
    return [mark["name"] for mark in _MARKED.finditer(page)]


def main() -> None:
    """Write every page whose tables have changed."""
    for path in sorted(DOCS.rglob("*.md")):
        page = path.read_text()
        if filled(page) != page:
            path.write_text(filled(page))
            sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")


if __name__ == "__main__":
    main()
