"""`vectorflow keys`: status, rotation and verification, straight on the database as the role signer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

import typer
import uvloop

from vectorflow.entry.process import Process
from vectorflow.entry.sealed_columns import PLATFORM_COLUMNS, SEALED_COLUMNS
from vectorflow.keys.errors import KeysUnavailable
from vectorflow.keys.platform_keys import PlatformKeyRotation
from vectorflow.keys.providers import LOCAL_NAME, LocalKeyFile
from vectorflow.keys.ring import KeyRing
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.types import KeyState
from vectorflow.platform.credentials import Role
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.settings import load_settings

keys = typer.Typer(no_args_is_help=True, help="The keys that secrets are sealed with.")
Everyone = Callable[[], Awaitable[list[UUID]]]
One = Annotated[
    str | None, typer.Option("--organization", help="Only this one, by slug or id; all by default.")
]


class Opened(NamedTuple):
    """What the commands work with."""

    rotation: KeyRotation
    platform: PlatformKeyRotation
    ring: KeyRing
    key_file: LocalKeyFile
    organizations: list[UUID]
    everyone: Everyone


@asynccontextmanager
async def _opened(one: str | None) -> AsyncIterator[Opened]:
    settings, _ = load_settings()
    async with Process.running(settings) as process:
        database = await process.open_database(Role.SIGNER, size=3)
        days = settings.key_rotation_days
        rotation = KeyRotation(
            database,
            process.new_keys(database),
            SEALED_COLUMNS,
            most_age=timedelta(days=days) if days else None,
        )
        worker = await process.open_database(Role.WORKER)
        everyone = await each_organization(worker)
        chosen = everyone if one is None else [await _named(process, one, everyone)]
        try:
            yield Opened(
                rotation,
                PlatformKeyRotation(database, process.platform_keys, PLATFORM_COLUMNS),
                process.key_ring,
                LocalKeyFile(settings.state_dir),
                chosen,
                lambda: each_organization(worker),
            )
        finally:
            rotation.close()


async def _named(process: Process, text: str, everyone: list[UUID]) -> UUID:
    """Return the organisation of a slug or id. Raises `BadParameter`."""
    found = await process.services.tenancy.organization_id(text)
    if found is None:
        with suppress(ValueError):
            found = UUID(text)
    if found is None or found not in everyone:
        raise typer.BadParameter(f"there is no organisation {text}")
    return found


@keys.command("status")
def status(organization: One = None) -> None:
    """Show key providers, the versions of each data key, and whether a rotation is due or under way."""

    async def work() -> None:
        async with _opened(organization) as opened:
            await _say_providers(opened)
            for key in await opened.platform.status():
                _say_key("platform's own data key", key)
            for each in opened.organizations:
                for key in await opened.rotation.status(each):
                    _say_key(str(each), key)
                problem = await opened.rotation.problem(each)
                if problem is not None:
                    typer.echo(f"{each}  NOT AVAILABLE: {problem}")
                if await opened.rotation.due(each):
                    typer.echo(f"{each}  rotation due: run `vectorflow keys rotate --organization {each}`")

    uvloop.run(work())


@keys.command("rotate")
def rotate(
    organization: One = None,
    platform: Annotated[
        bool,
        typer.Option(
            "--platform",
            help="Wrap every data key anew instead: by the present key provider, whose key file is changed.",
        ),
    ] = False,
) -> None:
    """Rotate keys while the server runs; a run that was interrupted is finished first."""
    if platform and organization is not None:
        raise typer.BadParameter("the platform key is that of all organisations; leave --organization out")

    async def work() -> None:
        async with _opened(organization) as opened:
            if platform:
                await _rotate_platform(opened)
                return
            for each in opened.organizations:
                count = await opened.rotation.rotate(each)
                typer.echo(f"{each}  {count} values sealed anew, old key destroyed")
            if organization is None:
                count = await opened.platform.rotate(opened.everyone)
                typer.echo(f"platform's own data key: {count} values sealed anew")

    uvloop.run(work())


@keys.command("verify")
def verify(organization: One = None) -> None:
    """Try the key providers, and open every sealed value without showing any; fails at the first that does not open."""

    async def work() -> None:
        async with _opened(organization) as opened:
            await opened.ring.prove()
            typer.echo("key providers refuse what lacks its organisation")
            for each in opened.organizations:
                typer.echo(f"{each}  {await opened.rotation.verify(each)} values open")
            if organization is None:
                count = await opened.platform.verify(opened.everyone)
                typer.echo(f"platform's own data key: {count} values open")

    uvloop.run(work())


async def rotate_platform(
    rotation: KeyRotation,
    key_file: LocalKeyFile | None,
    organizations: Everyone,
    platform: PlatformKeyRotation | None = None,
) -> None:
    """Wrap every data key anew. With a key file it is changed, and its former key destroyed at the end.

    What is left to do is everything, so a run that was killed is simply started again.
    """
    if key_file is not None:
        key_file.begin_rotation()
    await rotation.wait_for_wrapping()
    for each in await organizations():  # listed after the wait, so that none is missed
        await rotation.rewrap(each)
    if platform is not None:
        await platform.rewrap()
    if key_file is not None:
        key_file.end_rotation()


async def _rotate_platform(opened: Opened) -> None:
    await opened.ring.prove()
    local = opened.ring.name == LOCAL_NAME
    key_file = opened.key_file if local else None
    await rotate_platform(opened.rotation, key_file, opened.everyone, opened.platform)
    if local:
        typer.echo("The platform key was changed and the former one destroyed.")
    else:
        typer.echo(f"Every data key is wrapped by {opened.ring.name}, or by its organisation's own key.")


def _say_key(whose: str, key: KeyState) -> None:
    state = "destroyed" if key.destroyed_at else "retiring" if key.retired_at else "in use"
    typer.echo(f"{whose}  version {key.version}  {state}  encryptions ≤ {key.encryptions}  {key.provider}")


async def _say_providers(opened: Opened) -> None:
    if LOCAL_NAME in opened.ring.names:
        typer.echo(f"platform key: {'being rotated' if opened.key_file.rotating else 'in place'}")
    try:
        await opened.ring.prove()
        health = "answers, and refuses what lacks its organisation"
    except KeysUnavailable as error:
        health = f"NOT AVAILABLE: {error.detail}"
    typer.echo(f"key provider {opened.ring.name}: {health}")
    for name in opened.ring.names[1:]:
        typer.echo(f"former key provider {name}: still unwraps what it wrapped")
