"""`vectorflow login`, `nodes`, `groups`: the real commands against a real server."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable

import pytest
from nacl.signing import SigningKey
from typer.testing import CliRunner

from vectorflow.entry.api import build_api
from vectorflow.entry.cli import app as commands
from vectorflow.entry.fleet_cli import session_file
from vectorflow.entry.listeners import bind, serve
from vectorflow.fleet.store import nodes as store
from vectorflow.fleet.types import NewNode
from vectorflow.kernel.ids import new_id
from vectorflow.platform.settings import Settings

from .conftest import PASSWORD


@pytest.fixture
async def address(new_services, monkeypatch, tmp_path) -> AsyncIterator[str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    listener = bind("127.0.0.1", 0, "none")
    stop = asyncio.Event()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    serving = asyncio.create_task(
        serve(build_api(new_services(Settings(base_url=url, cookie_secure="never"))), listener, stop)
    )
    yield url
    stop.set()
    await serving


@pytest.fixture
def command(address, tmp_path) -> Callable:
    password = tmp_path / "password"
    password.write_text(PASSWORD + "\n")

    async def run(*words: str, place: str = "") -> tuple[int, str]:
        environment = {"VECTORFLOW_IN": place, "COLUMNS": "200"}
        result = await asyncio.to_thread(CliRunner().invoke, commands, list(words), env=environment)
        return result.exit_code, result.output

    run.password = str(password)
    return run


async def add_node(services, world, name: str, environment: str = "dev") -> None:
    key = bytes(SigningKey.generate().verify_key)
    async with services.database.transaction(world.organization_id) as txn:
        environment_id = await txn.value(
            "select id from environments where slug = %(slug)s", {"slug": environment}
        )
        node = NewNode(
            id=new_id(),
            environment_id=environment_id,
            name=name,
            machine_id=name,
            hostname=name,
            identity_key=key,
            sealing_key=key,
            facts={},
            platform={},
            labels={},
            agent_version="1",
            engine_kind="",
            engine_version="",
            engine_digest="",
        )
        await store.node_insert(txn, node, 15.0)


async def test_a_day_with_the_fleet_from_a_terminal(address, command, services, world) -> None:
    place = f"{world.slug}/dev"
    code, said = await command("nodes", "list", place=place)
    assert (code, "vectorflow login" in said) == (1, True)
    code, said = await command(
        "login", address, "--email", world.email("owner"), "--password-file", command.password
    )
    assert code == 0, said
    assert stat.S_IMODE(session_file().stat().st_mode) == 0o600
    assert PASSWORD not in session_file().read_text()
    for name in ("alpha", "beta\x1b[31m"):
        await add_node(services, world, name)
    code, said = await command("nodes", "list", place=place)
    assert code == 0, said
    assert "alpha" in said
    assert "\x1b" not in said
    assert (await command("nodes", "label", "alpha", "env=prod", "old-", place=place))[1] == "env=prod\n"
    assert "alpha" in (await command("nodes", "list", "--selector", "env=prod", place=place))[1]
    found = json.loads((await command("nodes", "list", "--selector", "!env", "--json", place=place))[1])
    assert [each["name"][:4] for each in found] == ["beta"]
    assert (await command("groups", "create", "prod", "env=prod", place=place))[1] == "prod has 1 nodes.\n"
    code, said = await command("groups", "create", "bad", "env=", place=place)
    assert (code, "at character 5" in said) == (1, True)
    assert "prod" in (await command("groups", "list", place=place))[1]
    assert (await command("groups", "maintenance", "prod", "on", place=place))[0] == 0
    assert json.loads((await command("nodes", "show", "alpha", place=place))[1])["in_maintenance"]
    code, said = await command("nodes", "restart", "alpha", "nothing", place=place)
    assert (code, "has no pipeline" in said) == (1, True)
    code, said = await command("nodes", "admit", "alpha", place=place)
    assert (code, "does not wait" in said) == (1, True)
    assert (await command("nodes", "decommission", "alpha", "--yes", place=place))[0] == 0
    assert json.loads((await command("nodes", "show", "alpha", place=place))[1])["status"] == "leaving"
    assert (await command("nodes", "show", "nobody", place=place))[0] == 1
    assert (await command("logout"))[0] == 0
    assert not session_file().exists()


async def test_where_is_asked_for_and_a_silent_server_is_told(command, tmp_path) -> None:
    code, said = await command("nodes", "list", place="nowhere")
    assert (code, "organisation/environment" in said) == (1, True)
    code, said = await command(
        "login", "http://127.0.0.1:9", "--email", "a@example.org", "--password-file", command.password
    )
    assert (code, "cannot be reached" in said) == (1, True)
