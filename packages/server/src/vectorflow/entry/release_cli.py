"""`vectorflow release`: what an operator does with releases of agents and engines. No key is ever here."""

# house: test: run as a command: packages/server/tests/fleet/test_release_shelf.py
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
import uvloop

from vectorflow.audit.service import append_platform
from vectorflow.fleet.release_shelf import ReleaseShelf, import_releases
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform import credentials, embedded
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings, load_settings
from vectorflow_wire.releases import ReleaseIndex

release = typer.Typer(
    no_args_is_help=True, help="Releases of agents and engines, for whoever runs the server."
)

_DATABASE: Final = "vectorflow"
"""The name of the database that `vectorflow up` makes."""


@release.command("import")
def import_command(
    folder: Annotated[Path, typer.Argument(help="Folder with index.json and the files it names.")],
    public: Annotated[
        list[str], typer.Option(help="Public half of the release key, base64; may be repeated.")
    ],
) -> None:
    """Verify an index and its files, and have agents find them here. It stands in the platform's log."""
    settings, _ = load_settings()
    index = uvloop.run(_imported(settings, folder, public))
    typer.echo(f"Index {index.number} with {len(index.releases)} releases is here now.")


@release.command("list")
def list_command() -> None:
    """List the releases that agents find here."""
    settings, _ = load_settings()
    index = uvloop.run(ReleaseShelf(settings.releases_folder).listed())
    if index is None:
        typer.echo("No releases were imported.")
        return
    until = datetime.fromtimestamp(index.expires_at / 1000, UTC)
    typer.echo(f"Index {index.number}, until {until:%Y-%m-%d}, agents not below {index.minimum}")
    for each in index.releases:
        fits = " ".join(part for part in (each.os, each.arch, each.python) if part)
        typer.echo(f"{each.program:8}{each.version:12}{fits:24}{each.size:>12} {each.digest}")


async def _imported(settings: Settings, folder: Path, public: list[str]) -> ReleaseIndex:
    """Import in the transaction of the record: without a record nothing is imported."""
    database = Database(
        role_url(_base(settings), Role.APP, settings.state_dir),
        ScopeSigner(credentials.scope_key(settings.state_dir, settings.scope_key)),
        size=1,
    )
    await database.open()
    try:
        async with database.unscoped() as txn:
            index = import_releases(folder, settings.releases_folder, public)
            await append_platform(txn, _entry(index, public))
    finally:
        await database.close()
    return index


def _base(settings: Settings) -> str:
    base = settings.database_url or embedded.running_url(settings.state_dir / "postgres", _DATABASE)
    if base is None:
        raise typer.BadParameter(
            "the platform's log has to take a record of it: set VECTORFLOW_DATABASE_URL, or run `vectorflow up`"
        )
    return base


def _entry(index: ReleaseIndex, public: list[str]) -> AuditEntry:
    return AuditEntry(
        action=AuditAction.RELEASES_IMPORTED,
        actor=SYSTEM,
        object_type="releases",
        object_id=str(index.number),
        summary=f"The index {index.number} with {len(index.releases)} releases was imported",
        after={
            "number": index.number,
            "minimum": index.minimum,
            "expires_at": rfc3339(datetime.fromtimestamp(index.expires_at / 1000, UTC)),
            "public": public,
            "releases": [
                f"{each.program} {each.version} {each.os} {each.arch} {each.digest}"
                for each in index.releases
            ],
        },
    )


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(release, name="release")
