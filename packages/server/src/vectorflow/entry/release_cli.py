"""`vectorflow release`: what an operator does with releases of agents and engines. No key is ever here."""

# house: test: run as a command: packages/server/tests/fleet/test_release_shelf.py
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from vectorflow.fleet.release_shelf import ReleaseShelf, import_releases
from vectorflow.platform.settings import load_settings

release = typer.Typer(
    no_args_is_help=True, help="Releases of agents and engines, for whoever runs the server."
)


@release.command("import")
def import_command(
    folder: Annotated[Path, typer.Argument(help="Folder with index.json and the files it names.")],
    public: Annotated[
        list[str], typer.Option(help="Public half of the release key, base64; may be repeated.")
    ],
) -> None:
    """Verify an index and its files, and have agents find them here."""
    settings, _ = load_settings()
    index = import_releases(folder, settings.releases_folder, public)
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(release, name="release")
