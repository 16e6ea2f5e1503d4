"""`vectorflow keys`: status, rotation and verification, straight on the database as the role signer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID

import typer
import uvloop

from vectorflow.entry.process import Process
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.signing import SigningKeyColumn
from vectorflow.platform.credentials import Role
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.settings import load_settings
from vectorflow.vault.service import SecretColumn

keys = typer.Typer(no_args_is_help=True, help="The keys that secrets are sealed with.")
Everyone = Callable[[], Awaitable[list[UUID]]]
One = Annotated[UUID | None, typer.Option("--organization", help="Only this one, by id; all by default.")]


@asynccontextmanager
async def _opened(one: UUID | None) -> AsyncIterator[tuple[KeyRotation, LocalKeyFile, list[UUID], Everyone]]:
    settings, _ = load_settings()
    async with Process.running(settings) as process:
        provider = LocalKeyFile(settings.state_dir)
        database = await process.open_database(Role.SIGNER, size=3)
        rotation = KeyRotation(database, provider, [SigningKeyColumn(), SecretColumn()])
        worker = await process.open_database(Role.WORKER)
        everyone = await each_organization(worker)
        if one is not None and one not in everyone:
            raise typer.BadParameter(f"there is no organisation {one}")
        try:
            yield rotation, provider, everyone if one is None else [one], lambda: each_organization(worker)
        finally:
            rotation.close()


@keys.command("status")
def status(organization: One = None) -> None:
    """Show the versions of each data key, and whether a rotation is due or under way."""

    async def work() -> None:
        async with _opened(organization) as (rotation, provider, organizations, _):
            typer.echo(f"platform key: {'being rotated' if provider.rotating else 'in place'}")
            for each in organizations:
                for key in await rotation.status(each):
                    state = "destroyed" if key.destroyed_at else "retiring" if key.retired_at else "in use"
                    typer.echo(f"{each}  version {key.version}  {state}  encryptions ≤ {key.encryptions}")
                if await rotation.due(each):
                    typer.echo(f"{each}  rotation due: run `vectorflow keys rotate --organization {each}`")

    uvloop.run(work())


@keys.command("rotate")
def rotate(
    organization: One = None,
    platform: Annotated[
        bool, typer.Option("--platform", help="Change the platform key instead of the data keys.")
    ] = False,
) -> None:
    """Rotate keys while the server runs; a run that was interrupted is finished first."""
    if platform and organization is not None:
        raise typer.BadParameter("the platform key is that of all organisations; leave --organization out")

    async def work() -> None:
        async with _opened(organization) as (rotation, provider, organizations, every):
            if platform:
                await rotate_platform(rotation, provider, every)
                typer.echo("The platform key was changed and the former one destroyed.")
                return
            for each in organizations:
                count = await rotation.rotate(each)
                typer.echo(f"{each}  {count} values sealed anew, old key destroyed")

    uvloop.run(work())


@keys.command("verify")
def verify(organization: One = None) -> None:
    """Open every sealed value without showing any; fails at the first that does not open."""

    async def work() -> None:
        async with _opened(organization) as (rotation, _, organizations, _):
            for each in organizations:
                typer.echo(f"{each}  {await rotation.verify(each)} values open")

    uvloop.run(work())


async def rotate_platform(rotation: KeyRotation, provider: LocalKeyFile, organizations: Everyone) -> None:
    """Change the platform key: every data key is wrapped by the new one, then the former is destroyed."""
    provider.begin_rotation()
    await rotation.wait_for_wrapping()
    for each in await organizations():  # listed after the wait, so that none is missed
        await rotation.rewrap(each)
    provider.end_rotation()
