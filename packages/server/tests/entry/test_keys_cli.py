"""`vectorflow keys` for one organisation, which is named by slug or by id."""

import asyncio

from packages.server.tests.entry.test_serve import COMMAND, environment

__all__ = ["environment"]


async def keys(settings: dict[str, str], *arguments: str) -> tuple[int | None, str]:
    child = await asyncio.create_subprocess_exec(
        *COMMAND,
        "keys",
        *arguments,
        env=settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await child.communicate()
    return child.returncode, said.decode()


async def test_one_organisation_is_named_by_its_slug_or_its_id(environment, world) -> None:
    for name in (world.slug, str(world.organization_id)):
        code, said = await keys(environment, "rotate", "--organization", name)
        assert code == 0, said
        (line,) = [each for each in said.splitlines() if "sealed anew" in each]
        assert line.startswith(f"{world.organization_id}  ")
    code, said = await keys(environment, "rotate", "--organization", "nobody-of-this-name")
    assert (code, "there is no organisation nobody-of-this-name" in " ".join(said.split())) == (2, True), said
