"""The command starts as little as it needs: what works on files never imports the server, nor a server Alembic."""

import subprocess
import sys

import pytest
import typer

from vectorflow.entry import start
from vectorflow.entry.cli import app as everything
from vectorflow.kernel.errors import VectorFlowError


def imported(program: str, *arguments: str) -> set[str]:
    """The modules that a process has after a program."""
    code = f"import sys\nfrom vectorflow.entry import start\n{program}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.splitlines()[-1].split())


HELP = "try:\n    start.main()\nexcept SystemExit as end:\n    assert not end.code"


def test_a_command_on_files_does_without_the_server() -> None:
    assert not imported(HELP, "check", "--help") & {"litestar", "psycopg", "uvicorn", "vectorflow.entry.cli"}


def test_the_server_does_without_what_migrations_need() -> None:
    modules = imported(HELP, "serve", "--help")
    assert "litestar" in modules
    assert not modules & {"alembic", "sqlalchemy", "vectorflow.platform.schema"}


def test_both_ways_know_the_same_commands_on_files() -> None:
    known = {each.name: each.callback for each in everything.registered_commands}
    for each in start.app.registered_commands:
        assert known[each.name] is each.callback


def test_what_a_person_can_mend_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = typer.Typer()

    @app.command("check")
    def check() -> None:
        raise VectorFlowError

    @app.command("fmt")
    def other() -> None:
        pass

    monkeypatch.setattr(start, "app", app)
    monkeypatch.setattr(sys, "argv", ["vectorflow", "check"])
    with pytest.raises(SystemExit) as ended:
        start.main()
    assert ended.value.code == "vectorflow: Something went wrong on our side."
