"""`vectorflow audit`: verify an export or what was shipped offline, or the logs in the database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, cast
from uuid import UUID

import typer
from prometheus_client import CollectorRegistry

from vectorflow.audit.errors import AuditExportUnreadableError, AuditShippedUnreadableError
from vectorflow.audit.seals import SealKey
from vectorflow.audit.service import AuditService
from vectorflow.audit.shipped import CHECKPOINTS, Shipped, read_shipped, shipped_records, withheld
from vectorflow.audit.types import ChainVerdict
from vectorflow.audit.verifying import Verifier, verify_export
from vectorflow.entry.outbound import NobodysCalls, outbound_policy
from vectorflow.entry.shipping import bucket_of
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.egress.record import EgressMetrics
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.s3 import S3Bucket
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
    shipped: Annotated[
        Path | None,
        typer.Option(help="Folder with what was shipped; alone, the platform's log in it is verified."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="The public key that checkpoints must be signed with, in hexadecimal, or its file."
        ),
    ] = None,
    sealed_by: Annotated[
        str | None,
        typer.Option(help="The public key that shipped checkpoints must be sealed with, or its file."),
    ] = None,
) -> None:
    """Name the first record that was edited, deleted, reordered, forked or cut off. Exit code 1: not genuine."""
    if file is not None and database:
        raise typer.BadParameter("name a file, or --database, not both")
    if file is None and not database and shipped is None:
        raise typer.BadParameter("name a file, --database, or --shipped")
    trusted, sealer = _key(key), _key(sealed_by, sizes=None)
    outside = read_shipped(shipped, sealed_by=sealer, trusted=trusted) if shipped else None
    if file is not None:
        verdicts = [_of_file(file, trusted, outside)]
    elif database:
        settings, _ = load_settings()
        verdicts = asyncio.run(_of_database(settings, trusted, outside))
    else:
        verdicts = [_of_shipped(cast("Path", shipped), cast("Shipped", outside))]
    if trusted is None and (file or database):
        typer.echo("Without --key any key may have signed the checkpoints; give the one in keys/audit.pub.")
    if outside is not None and sealer is None:
        typer.echo("Without --sealed-by any key may have sealed what was shipped.")
    for verdict in verdicts:
        for line in told(verdict, outside):
            typer.echo(line)
    if any(verdict.broken_at is not None for verdict in verdicts):
        raise typer.Exit(1)


@audit.command()
def download(
    folder: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Fetch what was shipped, of each object the version that was written first."""
    if folder.exists() and any(folder.iterdir()):
        raise typer.BadParameter("the folder is not empty")
    settings, _ = load_settings()
    typer.echo(f"{asyncio.run(_fetch(settings, folder))} objects.")


@audit.command()
def extract(
    folder: Annotated[Path, typer.Argument(help="What was shipped.")],
    organization: Annotated[UUID, typer.Argument(help="Whose checkpoints to take.")],
    out: Annotated[Path, typer.Argument(help="The folder to write, for that organisation.")],
) -> None:
    """Take one organisation's shipped checkpoints, to hand to it: all other lines are withheld, the seals still hold."""
    count = 0
    for path in sorted((folder / CHECKPOINTS).rglob("*.ndjson")):
        part = withheld(path.read_bytes(), organization)
        if part is not None:
            target = out / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(part)
            count += 1
    typer.echo(f"{count} objects name this organisation.")


@audit.command("shipper-key")
def shipper_key() -> None:
    """Print the public key that shipped checkpoints are sealed with; keep it where you verify."""
    settings, _ = load_settings()
    typer.echo(asyncio.run(_sealer(settings)).hex())


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(audit, name="audit")


def told(verdict: ChainVerdict, outside: Shipped | None = None) -> list[str]:
    """Return what to say about a chain, line by line; `outside` is what was shipped, where it was asked for."""
    name = "platform" if verdict.organization_id is None else str(verdict.organization_id)
    if verdict.broken_at is not None:
        lines = [f"{name}: BROKEN at record {verdict.broken_at}: {verdict.reason}."]
    else:
        lines = [f"{name}: {verdict.records} records, the chain holds."]
    if verdict.records > verdict.proved:
        lines.append(
            f"{name}: records {verdict.proved + 1} to {verdict.records} stand after the last checkpoint "
            "and cannot be proved."
        )
    if outside is None:
        lines.append(f"{name}: whatever came after record {verdict.records} cannot be proved from here.")
        return lines
    if verdict.records > verdict.shipped and verdict.broken_at is None:
        lines.append(
            f"{name}: records {verdict.shipped + 1} to {verdict.records} stand after the last shipped "
            "checkpoint: whoever holds the server could have changed them."
        )
    seen = verdict.shipped_at
    lines.append(
        f"{name}: no shipped checkpoint names a record of this log; nothing outside proves it."
        if seen is None
        else f"{name}: what was written after {seen:%Y-%m-%d %H:%M:%S} UTC, when record {verdict.shipped} was "
        "shipped, can have been removed unseen."
    )
    return lines


def _key(given: str | None, *, sizes: int | None = 32) -> bytes | None:
    if given is None:
        return None
    text = Path(given).read_text() if Path(given).is_file() else given
    try:
        key = bytes.fromhex(text.strip())
    except ValueError as error:
        raise typer.BadParameter("the key is neither a file nor hexadecimal") from error
    if sizes is not None and len(key) != sizes:
        raise typer.BadParameter("the key must have 32 bytes: 64 hexadecimal digits")
    return key


def _of_file(path: Path, trusted: bytes | None, outside: Shipped | None) -> ChainVerdict:
    try:
        with path.open("rb") as lines:
            return verify_export(lines, trusted=trusted, shipped=outside.proofs if outside else None)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}."
        raise AuditExportUnreadableError(message) from error


def _of_shipped(folder: Path, outside: Shipped) -> ChainVerdict:
    verifier = Verifier(None, shipped=outside.of(None))
    for row in shipped_records(folder):
        verifier.record(row)
    return verifier.finish(None)


async def _fetch(settings: Settings, folder: Path) -> int:
    async with _bucket(settings) as (bucket, _):
        found = await bucket.first_versions()
        for key, version in found:
            await asyncio.to_thread(_keep, folder, key, await bucket.get(key, version))
    return len(found)


def _keep(folder: Path, key: str, body: bytes) -> None:
    path = (folder / key).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise AuditShippedUnreadableError("The bucket holds a name that leads out of the folder.")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


async def _sealer(settings: Settings) -> bytes:
    async with _bucket(settings) as (_, key):
        return await key.public()


@asynccontextmanager
async def _bucket(settings: Settings) -> AsyncIterator[tuple[S3Bucket, SealKey]]:
    egress = Egress(
        outbound_policy(settings), audit=NobodysCalls(), metrics=EgressMetrics(CollectorRegistry())
    )
    try:
        async with bucket_of(settings, egress) as found:
            yield found
    finally:
        await egress.aclose()


async def _of_database(
    settings: Settings, trusted: bytes | None, outside: Shipped | None
) -> list[ChainVerdict]:
    if settings.database_url is None:
        raise typer.BadParameter("set VECTORFLOW_DATABASE_URL to the database to verify")
    signer = ScopeSigner(credentials.scope_key(settings.state_dir))
    database = Database(role_url(settings.database_url, Role.WORKER, settings.state_dir), signer, size=1)
    await database.open()
    try:
        service = AuditService(database)
        proofs = outside or Shipped({}, None)
        verdicts = [await service.verify_platform(trusted=trusted, shipped=proofs.of(None))]
        verdicts += [
            await service.verify(each, trusted=trusted, shipped=proofs.of(each))
            for each in await each_organization(database)
        ]
    finally:
        await database.close()
    return verdicts
