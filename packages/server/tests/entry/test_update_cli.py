"""`vectorflow nodes update`: the real commands against a real server with releases on its shelf."""
# entry/update_cli.py

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from packages.server.tests.fleet.test_release_shelf import PUBLIC, given

from vectorflow.entry.api import build_api
from vectorflow.entry.listeners import bind, serve
from vectorflow.entry.update_cli import step_read
from vectorflow.fleet.release_shelf import import_releases
from vectorflow.platform.settings import Settings

from .test_fleet_cli import add_node, command

__all__ = ["command"]


@pytest.fixture
async def address(new_services, monkeypatch, tmp_path) -> AsyncIterator[str]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    import_releases(given(tmp_path / "source"), tmp_path / "shelf", [PUBLIC])
    listener = bind("127.0.0.1", 0, "none")
    stop = asyncio.Event()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(base_url=url, cookie_secure="never", releases_dir=tmp_path / "shelf")
    serving = asyncio.create_task(serve(build_api(new_services(settings)), listener, stop))
    yield url
    stop.set()
    await serving


async def test_versions_are_wanted_for_a_group_watched_and_ended(address, command, services, world) -> None:
    place = f"{world.slug}/far"
    await command("login", address, "--email", world.email("owner"), "--password-file", command.password)
    await add_node(services, world, "alpha\x1b[31m", "far")
    await command("groups", "create", "canaries", "ring=canary", place=place)

    code, said = await command("nodes", "updates", place=place)
    assert code == 0, said
    assert re.search(r"agent +0\.2\.0", said)
    code, said = await command("nodes", "update", "agent", "0.2.0", "--step", "50%", place=place)
    assert code == 0, said
    assert said.startswith("agent 0.2.0 for all nodes: 1 nodes, 50% at a time")
    found = re.search(r"\(([0-9a-f-]{36})\)", said)
    assert found
    code, said = await command("nodes", "update", "agent", "0.2.0", "--group", "canaries", place=place)
    assert (code, "for canaries: 0 nodes" in said) == (0, True)
    code, said = await command("nodes", "update-state", found[1], "pause", place=place)
    assert code == 0, said
    listed = (await command("nodes", "updates", place=place))[1]
    assert re.search(r"agent 0\.2\.0 for all nodes +paused +0/1", listed)
    # A paused one does not go on by itself, and waiting says so.
    code, said = await command("nodes", "update-state", found[1], "end", place=place)
    assert code == 0, said
    assert found[1] not in (await command("nodes", "updates", place=place))[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("agent", "9.9.9"), "no such version"),
        (("vector", "0.2.0"), "agent or engine"),
        (("agent", "0.2.0", "--group", "nobody"), "no group nobody"),
        (("agent", "0.2.0", "--step", "0"), "5 or 10%"),
    ],
)
async def test_what_cannot_be_wanted_is_told(address, command, world, words, says) -> None:
    await command("login", address, "--email", world.email("owner"), "--password-file", command.password)
    code, said = await command("nodes", "update", *words, place=f"{world.slug}/far")
    assert (code, says in said) == (1, True), said


def test_a_step_is_nodes_or_a_share() -> None:
    assert [step_read(text) for text in ("5", "10%", "100%", "99999")] == [
        (5, "nodes"), (10, "percent"), (100, "percent"), (99_999, "nodes"),
    ]  # fmt: skip
    for text in ("101%", "0%", "-1", "x", "1e3"):
        with pytest.raises(SystemExit):
            step_read(text)
