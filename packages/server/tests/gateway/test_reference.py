"""The page on the agents' protocol is what the gateway does: its calls, its limits and its refusals."""
# docs/agent/protocol.md, entry/agent_calls.py

import ast
import inspect
import re
from pathlib import Path

import pytest

from vectorflow.entry import agent_calls, gateway, release_answers
from vectorflow.fleet import authority, desired, engines, enrolment, found, intake, release_shelf, renewal
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.library.types import MOST_SCHEMA_BYTES
from vectorflow.telemetry import ingest
from vectorflow.telemetry.logs import intake as log_intake
from vectorflow.telemetry.logs import reading
from vectorflow.telemetry.taps import intake as tap_intake
from vectorflow_wire import taps
from vectorflow_wire.found import FOUND_PATH, MOST_FOUND_BYTES
from vectorflow_wire.logs import LOGS_PATH, MOST_BATCH_BYTES

PAGE = (Path(__file__).parents[4] / "docs" / "agent" / "protocol.md").read_text()
ROOMS = (
    gateway, agent_calls, release_answers, authority, desired, engines, enrolment, found, intake, renewal,
    release_shelf, ingest, log_intake, reading, tap_intake,
)  # fmt: skip
IMPORTING = {"fleet.releases-refused"}
"""What these modules raise when an operator imports releases, not to agents."""


def section(title: str) -> str:
    begin = PAGE.index(f"\n{title}\n")
    end = re.compile(r"\n##+ ").search(PAGE, begin + len(title) + 2)
    return PAGE[begin : end.start() if end else None]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def calls(cell: str) -> list[tuple[str, str]]:
    return re.findall(r"`(GET|POST|PUT) (/[^`]+)`", cell)


@pytest.fixture
def running(house) -> gateway.Gateway:
    return house.gateway


def test_every_call_is_on_the_page_and_the_gateway_knows_each(running) -> None:
    documented = {call for row in rows("## Calls") for call in calls(row[0])}
    names = {running._routed(method, re.sub(r"\{\w+\}", "0" * 64, path))[0] for method, path in documented}
    assert "other" not in names
    branches = set(re.findall(r'return "(\w+)", self', inspect.getsource(gateway.Gateway._routed)))
    assert names == {name for name, _ in running._routes.values()} | (branches - {"other"})
    assert {(method, path) for method, path in documented if "{" not in path} >= set(running._routes)


def test_the_largest_bodies_are_those_of_the_page() -> None:
    told = {}
    for call, size in rows("### Largest bodies"):
        number, unit = re.match(r"(\d+) (KiB|MiB)", size).groups()
        told[calls(call)[0][1]] = int(number) * {"KiB": 2**10, "MiB": 2**20}[unit]
    assert told == agent_calls._MOST_BODY | {
        LOGS_PATH: MOST_BATCH_BYTES,
        FOUND_PATH: MOST_FOUND_BYTES,
        "/agent/v1/taps/{id}/events": taps.MOST_BATCH_BYTES,
        "/agent/v1/schemas/{digest}": MOST_SCHEMA_BYTES,
    }
    assert f"within {agent_calls.BODY_SECONDS:.0f} seconds" in section("### Largest bodies")
    assert f"{intake.MOST_REPORTS} reports" in section("### Largest bodies")


def test_every_refusal_is_on_the_page_with_its_status() -> None:
    told = {
        code: int(row[1])
        for row in rows("### Answers that refuse")
        for code in re.findall(r"`([a-z.-]+)`", row[0])
    }
    raised: dict[str, int] = {}
    for room in ROOMS:
        for node in ast.walk(ast.parse(inspect.getsource(room))):
            wanted = node.exc if isinstance(node, ast.Raise) else None
            called = wanted.func if isinstance(wanted, ast.Call) else wanted
            refusal = getattr(room, called.id, None) if isinstance(called, ast.Name) else None
            if isinstance(refusal, type) and issubclass(refusal, VectorFlowError):
                raised[refusal.code] = refusal.status
    # Raised by the rooms that these call.
    raised |= {"gateway.unavailable": 503, "library.too-many-engine-schemas": 409}
    raised["library.engine-schema-refused"] = 422
    assert told == {code: status for code, status in raised.items() if code not in IMPORTING}
