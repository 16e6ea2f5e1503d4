"""The pages about security agree with the data file, and name code and tests that exist."""

import ast
import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx2
import msgspec
import pytest
from litestar import Litestar

from vectorflow.entry.api import build_litestar, declared_routes
from vectorflow.entry.dependencies import dependencies
from vectorflow.entry.security_policy import PATH as TXT
from vectorflow.entry.security_policy import SecurityPolicy, routes, security_policy, security_txt
from vectorflow.entry.services import Services
from vectorflow.platform.database import Database
from vectorflow.platform.http.declaration import declaration_of
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
POLICY_PAGE = ROOT / "docs/security/policy.md"
CONTROLS = ROOT / "docs/security/controls.md"
NOW = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)


def tables(text: str) -> list[list[list[str]]]:
    """Every Markdown table of a page: rows of cells, without the head."""
    blocks = re.findall(r"(?:^\|.*\|[ ]*\n)+", text + "\n", flags=re.MULTILINE)
    rows = [
        [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        for block in blocks
    ]
    return [block[2:] for block in rows]


def times(policy: SecurityPolicy) -> list[list[str]]:
    """The table of times as the page has to show it."""
    fixes = [
        [
            f"Patch for a {each.name} finding",
            f"within {each.fix_days} days" if each.fix_days else "with an ordinary release",
        ]
        for each in policy.severity
    ]
    return [
        ["We acknowledge your report", f"within {policy.acknowledgement_hours} hours"],
        ["We tell you our assessment and when to expect a fix", f"within {policy.status_days} days"],
        *fixes,
        [
            "Public disclosure, unless we agree otherwise",
            f"{policy.disclosure_after_patch_days} days after the patch",
        ],
        ["Latest public disclosure", f"{policy.disclosure_latest_days} days after your report"],
    ]


def disagreements(page: str, policy: SecurityPolicy) -> list[str]:
    """What the page says differently from the data."""
    found = []
    shown = tables(page)
    if times(policy) not in shown:
        found.append("the table of times")
    if [[each.name, each.support] for each in policy.version] not in shown:
        found.append("the table of supported versions")
    if not any([row[0] for row in table] == [each.name for each in policy.severity] for table in shown):
        found.append("the table of severities")
    fixes = {each.fix_days for each in policy.severity if each.fix_days}
    days = fixes | {policy.status_days, policy.disclosure_after_patch_days, policy.disclosure_latest_days}
    written = re.findall(r"(\d+)[ -](hour|day|minute)s?", page)
    allowed = {"hour": {policy.acknowledgement_hours}, "day": days, "minute": {policy.grant_minutes}}
    found += [f"{number} {unit}s" for number, unit in written if int(number) not in allowed[unit]]
    phrases = [
        policy.contact,
        policy.key_page,
        f"{policy.flood_gbps} Gbps",
        f"{policy.flood_requests_per_second:,} requests per second",
        f"it is {policy.disclosure_after_patch_days} days after the patch",
        f"If {policy.disclosure_latest_days} days pass",
        f"publishes after {policy.disclosure_latest_days} days",
        *(f"- {line.what}\n" for line in policy.scope),
        *(f"**{line.area}**" for line in policy.scope),
    ]
    found += [phrase for phrase in phrases if phrase not in page]
    return found


def test_the_policy_says_what_was_promised() -> None:
    policy = security_policy()
    assert (policy.acknowledgement_hours, policy.status_days) == (48, 7)
    assert (policy.disclosure_after_patch_days, policy.disclosure_latest_days) == (7, 90)
    assert {each.name: each.fix_days for each in policy.severity} == {
        "Critical": 14,
        "High": 14,
        "Medium": 60,
        "Low": None,
    }
    assert policy.grant_minutes == 60


def test_security_md_agrees_with_the_data() -> None:
    assert disagreements((ROOT / "SECURITY.md").read_text(), security_policy()) == []


def test_security_md_has_every_part() -> None:
    text = (ROOT / "SECURITY.md").read_text()
    for part in (
        "Report a vulnerability",
        "PGP key",
        "being exploited now",
        "CVE",
        "anonymous",
        "no paid bounty",
        "## Out of scope",
        "## Safe harbour",
        "## Supported versions",
    ):
        assert part in text


@pytest.mark.parametrize(
    "change",
    [
        {"acknowledgement_hours": 72},
        {"status_days": 8},
        {"disclosure_after_patch_days": 9},
        {"disclosure_latest_days": 120},
        {"flood_gbps": 2},
        {"flood_requests_per_second": 9},
        {"contact": "nobody@example.com"},
        {"severity": ()},
        {"version": ()},
    ],
)
def test_a_changed_number_is_noticed(change) -> None:
    changed = msgspec.structs.replace(security_policy(), **change)
    assert disagreements((ROOT / "SECURITY.md").read_text(), changed)


@pytest.mark.parametrize("wrong", ["48 hours", "7 days", "14 days", "60 days", "90 days", "1 Gbps"])
def test_a_changed_page_is_noticed(wrong: str) -> None:
    page = (ROOT / "SECURITY.md").read_text()
    number, unit = wrong.split()
    assert wrong in page
    for match in re.finditer(wrong, page):
        edited = page[: match.start()] + f"{int(number) + 3} {unit}" + page[match.end() :]
        assert disagreements(edited, security_policy()), page[match.start() - 40 : match.end()]


def test_the_documentation_shows_the_same_page() -> None:
    assert '--8<-- "SECURITY.md"' in POLICY_PAGE.read_text()


def test_security_txt_is_valid() -> None:
    text = security_txt(now=NOW, base_url="https://vectorflow.example.com/")
    fields = dict(line.split(": ", 1) for line in text.splitlines())
    assert fields["Contact"] == "mailto:security@vectorflow.sh"
    assert fields["Preferred-Languages"] == "en"
    assert fields["Policy"].startswith("https://")
    assert fields["Encryption"].startswith("https://")
    assert fields["Canonical"] == "https://vectorflow.example.com/.well-known/security.txt"
    expires = datetime.fromisoformat(fields["Expires"])
    assert timedelta(days=30) < expires - NOW < timedelta(days=365)
    assert text.endswith("\n")


def test_security_txt_without_an_https_address_names_none() -> None:
    assert "Canonical" not in security_txt(now=NOW)
    assert "Canonical" not in security_txt(now=NOW, base_url="http://127.0.0.1:8484")


def test_security_txt_counts_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=5)))
    assert security_txt(now=elsewhere) == security_txt(now=NOW)


async def test_the_route_answers_plain_text_to_everybody() -> None:
    services = Services(
        Settings(base_url="https://vectorflow.example.com"), Database("", ScopeSigner(bytes(32)))
    )
    app = Litestar(route_handlers=routes, dependencies=dependencies(services), openapi_config=None)
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://vectorflow.test") as client:
        answer = await client.get(TXT)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "Canonical: https://vectorflow.example.com/.well-known/security.txt" in answer.text
    assert all(declaration_of(route.opt, TXT).public for route in routes)


def test_every_installation_answers_it() -> None:
    services = Services(Settings(), Database("", ScopeSigner(bytes(32))))
    assert ("GET", TXT) in declared_routes(build_litestar(services))


# --- docs/security/controls.md ---

STATES = {"kept", "partly", "not yet"}
PATH = re.compile(r"`((?:packages|docs|web|tests|bench|scripts|deploy)/[^`:\s]+)(?:::(\w+))?`")


def rows(prefix: str) -> dict[str, list[str]]:
    """Rows of the controls page whose first cell is the prefix and a number."""
    return {
        row[0]: row
        for table in tables(CONTROLS.read_text())
        for row in table
        if re.fullmatch(prefix + r"\d+", row[0])
    }


def faults_of(row: list[str]) -> list[str]:
    """What is missing in a row: number, promise, state, code, test, mutant."""
    if len(row) != 6:
        return [f"{row[0]}: six cells, not {len(row)}"]
    number, what, state, code, test, mutant = row
    found = [] if state in STATES else [f"{number}: the state is one of {sorted(STATES)}"]
    if not what:
        found.append(f"{number}: says nothing")
    if state != "not yet":
        found += [
            f"{number}: names no {name}"
            for name, cell in (("code", code), ("test", test))
            if not PATH.search(cell)
        ]
    if state != "not yet" and len(mutant) < 12:
        found.append(f"{number}: names no mutant that the test kills")
    return found


def test_every_promise_and_scope_line_has_a_row() -> None:
    assert set(rows("P")) == {f"P{number}" for number in range(1, 22)}
    lines = {line.id: line for line in security_policy().scope}
    shown = rows("S")
    assert set(shown) == set(lines)
    for number, line in lines.items():
        assert shown[number][1] == f"{line.severity}: {line.what}"


def test_rows_name_code_test_and_mutant() -> None:
    every = [*rows("P").values(), *rows("S").values(), *rows("N").values()]
    assert rows("N")
    assert [fault for row in every for fault in faults_of(row)] == []


def test_a_row_without_a_test_is_noticed() -> None:
    for state in ("kept", "partly"):
        good = ["P1", "what", state, "`packages/a.py`", "`packages/b.py`", "a mutant that is killed"]
        assert faults_of(good) == []
        for column, value in ((2, "done"), (3, "here"), (4, "–"), (5, "–")):
            assert faults_of([*good[:column], value, *good[column + 1 :]])


PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_paths_that_pages_name_exist(page: Path) -> None:
    for path, function in PATH.findall(page.read_text()):
        target = ROOT / path
        assert target.exists(), f"{page.name} names {path}, which is not there"
        if function:
            tree = ast.parse(target.read_text())
            names = {
                node.name
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            }
            assert function in names, f"{path} has no test {function}"


# --- docs/security/data-map.md ---

MIGRATIONS = ROOT / "packages/server/src/vectorflow/platform/migrations/versions"


def sealed_columns() -> set[str]:
    """Columns of the domain vf.sealed, as the migrations create them."""
    found = set()
    for path in MIGRATIONS.glob("*.py"):
        for table, body in re.findall(r"create table (\w+) \((.*?)\n\)", path.read_text(), flags=re.DOTALL):
            found |= {
                f"{table}.{column}" for column in re.findall(r"^\s*(\w+) vf\.sealed", body, re.MULTILINE)
            }
    return found


def test_the_data_map_lists_every_sealed_column() -> None:
    sealed = sealed_columns()
    text = (ROOT / "docs/security/data-map.md").read_text()
    section = text.partition("## Sealed")[2].partition("\n## ")[0]
    assert sealed
    assert {match for row in tables(section)[0] for match in re.findall(r"`(\w+\.\w+)`", row[0])} == sealed
