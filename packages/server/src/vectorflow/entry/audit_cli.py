"""`vectorflow audit`: verify an export offline, or the logs in the database."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from vectorflow.audit.errors import AuditExportUnreadableError
from vectorflow.audit.service import AuditService
from vectorflow.audit.types import ChainVerdict
from vectorflow.audit.verifying import verify_export
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings, load_settings

audit = typer.Typer(no_args_is_help=True, help="The log: check that nobody changed it.")


@audit.callback()
def _group() -> None:
    """The log: check that nobody changed it."""


@audit.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="An export of the log as NDJSON.")] = None,
    *,
    database: Annotated[bool, typer.Option("--database", help="Verify every log of the database.")] = False,
    key: Annotated[
        str | None,
        typer.Option(
            help="The public key that checkpoints must be signed with, in hexadecimal, or its file."
        ),
    ] = None,
) -> None:
    """Name the first record that was edited, deleted, reordered, forked or cut off. Exit code 1: not genuine."""
    if (file is None) == (not database):
        raise typer.BadParameter("name a file, or --database")
    trusted = _key(key)
    if file is not None:
        verdicts = [_of_file(file, trusted)]
    else:
        settings, _ = load_settings()
        verdicts = asyncio.run(_of_database(settings, trusted))
    if trusted is None:
        typer.echo("Without --key any key may have signed the checkpoints; give the one in keys/audit.pub.")
    for verdict in verdicts:
        for line in told(verdict):
            typer.echo(line)
    if any(verdict.broken_at is not None for verdict in verdicts):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(audit, name="audit")


def told(verdict: ChainVerdict) -> list[str]:
    """Return what to say about a chain, line by line."""
    name = "platform" if verdict.organization_id is None else str(verdict.organization_id)
    if verdict.broken_at is not None:
        lines = [f"{name}: BROKEN at record {verdict.broken_at}: {verdict.reason}."]
    else:
        lines = [f"{name}: {verdict.records} records, the chain holds."]
    if verdict.records > verdict.proved:
        first, last = verdict.proved + 1, verdict.records
        lines.append(
            f"{name}: records {first} to {last} stand after the last checkpoint and cannot be proved."
        )
    lines.append(f"{name}: whatever came after record {verdict.records} cannot be proved from here.")
    return lines


def _key(given: str | None) -> bytes | None:
    if given is None:
        return None
    text = Path(given).read_text() if Path(given).is_file() else given
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise typer.BadParameter("the key is neither a file nor hexadecimal") from error
    if len(key) != 32:
        raise typer.BadParameter("the key must have 32 bytes: 64 hexadecimal digits")
    return key


def _of_file(path: Path, trusted: bytes | None) -> ChainVerdict:
    try:
        with path.open("rb") as lines:
            return verify_export(lines, trusted=trusted)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise AuditExportUnreadableError(message) from error


async def _of_database(settings: Settings, trusted: bytes | None) -> list[ChainVerdict]:
    if settings.database_url is None:
        raise typer.BadParameter("set VECTORFLOW_DATABASE_URL to the database to verify")
    signer = ScopeSigner(credentials.scope_key(settings.state_dir))
    database = Database(role_url(settings.database_url, Role.WORKER, settings.state_dir), signer, size=1)
    await database.open()
    try:
        service = AuditService(database)
        verdicts = [await service.verify_platform(trusted=trusted)]
        verdicts += [
            await service.verify(each, trusted=trusted) for each in await each_organization(database)
        ]
    finally:
        await database.close()
    return verdicts
