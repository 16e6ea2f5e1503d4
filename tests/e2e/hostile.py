"""A hostile string, and a search for a canary wherever the product keeps or prints something."""

import re
from collections.abc import Callable
from pathlib import Path

from scripts.postgres import dump

from tests.e2e.stack import Stack

HOSTILE = "=cmd|'/c calc'!A1 '; drop table nodes; -- <img src=x onerror=\"window.hacked=1\"> \x1b[31mred\x1b[0m \r\nX-Evil: 1"
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x9b]")
CLEAN = CONTROL.sub("", HOSTILE).replace("\r\n", " ")


def _any(path: Path) -> bool:
    return path.is_file()


def assert_nowhere(stack: Stack, canary: str, *, of_agent: Callable[[Path], bool] = _any) -> None:
    """Fail when the canary is in a log, an argument, an environment, the database or a file of the agent.

    `of_agent` tells which files of the agent's folder are looked at.
    """
    assert stack.processes(str(stack.state))
    assert not stack.processes(str(stack.state), canary)
    assert canary.encode() not in dump(stack.state)
    for path in (stack.state / "agent").rglob("*"):
        if path.is_file() and of_agent(path):
            assert canary.encode() not in path.read_bytes(), path
    for path in stack.state.rglob("*"):
        if path.is_file() and ".log" in path.name and of_agent(path):
            assert canary not in path.read_text(errors="replace"), path
    assert canary not in (stack.state / "log" / "access.jsonl").read_text()
    for name in ("access.jsonl", "server.log", "agent.log"):
        log = (stack.state / "log" / name).read_text(errors="replace")
        assert not CONTROL.search(log), f"{name} holds a raw control character"
