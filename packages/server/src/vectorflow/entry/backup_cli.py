"""`vectorflow backup` and `vectorflow restore`: for whoever runs the installation, beside the servers."""

# house: test: run as a command: tests/e2e/test_restore.py
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from vectorflow.audit.service import AuditAppender, AuditService, append_platform
from vectorflow.entry.audit_cli import told
from vectorflow.entry.health import version
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.platform import credentials
from vectorflow.platform.backup import journal, shelf
from vectorflow.platform.backup import restore as restoring
from vectorflow.platform.backup.archive import BackupUnreadable, new_identity
from vectorflow.platform.backup.dump import Made, dump
from vectorflow.platform.backup.restore import Restored, RestoreRefused
from vectorflow.platform.credentials import Role, role_url, with_login, write_private
from vectorflow.platform.database import Database
from vectorflow.platform.jobs import each_organization
from vectorflow.platform.scope import ScopeSigner
from vectorflow.platform.settings import Settings, load_settings

backup = typer.Typer(help="Encrypted backups of the whole database.")
Key = Annotated[Path, typer.Option("--key", help="File with the private key that opens backups.")]
Folder = Annotated[
    Path | None, typer.Option("--folder", help="Folder of the backups; by default BACKUP_DIR.")
]


@backup.callback(invoke_without_command=True)
def make(
    context: typer.Context,
    folder: Folder = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option(help="Public key to encrypt to; may be repeated; by default BACKUP_RECIPIENTS."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Keep only so many; by default all that have not expired.")
    ] = None,
) -> None:
    """Make a backup now, and remove those that have expired."""
    if context.invoked_subcommand is not None:
        return
    settings, _ = load_settings()
    recipients = recipient or list(settings.backup_recipients)
    if not recipients:
        raise typer.BadParameter(
            "say whom the backup is for: make a key with `vectorflow backup key FILE`, and set "
            "VECTORFLOW_BACKUP_RECIPIENTS to the public key it prints"
        )
    url, place = _url(settings), folder or _folder(settings)
    made = dump(
        url, place, recipients, version=version(), keep=timedelta(days=settings.backup_retention_days)
    )
    asyncio.run(_record_made(settings, url, made))
    rows = sum(each.rows for each in made.manifest.tables.values())
    typer.echo(f"{made.path}: {rows} rows of {len(made.head.tables)} tables, {made.bytes} bytes,")
    typer.echo(f"encrypted to {len(recipients)} keys; expires {made.head.expires_at}.")
    _prune(url, place, keep)


@backup.command("key")
def key(file: Annotated[Path, typer.Argument(help="Where to write the private key.")]) -> None:
    """Make a pair of keys; keep the private one where no server and no backup can be lost together with it."""
    if file.exists():
        raise typer.BadParameter(f"{file} is there already")
    private, public = new_identity()
    write_private(file, f"# public key: {public}\n{private}\n".encode())
    typer.echo(public)


@backup.command("list")
def list_backups(folder: Folder = None) -> None:
    """List the backups of the folder, newest first."""
    settings, _ = load_settings()
    now = datetime.now(UTC)
    for each in shelf.backups(folder or _folder(settings)):
        state = "expired" if each.expires_at <= now else f"expires {rfc3339(each.expires_at)}"
        typer.echo(f"{each.path.name}  made {rfc3339(each.made_at)}  {each.bytes} bytes  {state}")


@backup.command("verify")
def verify(file: Annotated[Path, typer.Argument(exists=True)], key: Key) -> None:
    """Read a backup to its end and compare it with its manifest; needs no database."""
    head, rows = restoring.verify(file, _identity(key))
    typer.echo(
        f"{file}: whole. {rows} rows of {len(head.tables)} tables, made {head.made_at} by {head.version}."
    )


@backup.command("prune")
def prune(
    folder: Folder = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Keep only the newest so many.")] = None,
) -> None:
    """Remove the backups that have expired, and note that in the database."""
    settings, _ = load_settings()
    _prune(_url(settings), folder or _folder(settings), keep)


def restore(
    file: Annotated[Path, typer.Argument(exists=True, help="The backup.")],
    key: Key,
    journals: Annotated[
        list[Path] | None,
        typer.Option(
            "--journal", exists=True, help="Journal of revocations; by default those in the state folder."
        ),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of a database that is not empty.")
    ] = False,
    without_journal: Annotated[
        bool, typer.Option("--without-journal", help="Accept that what was revoked since is valid again.")
    ] = False,
) -> None:
    """Restore a backup as the database of this installation; servers must be stopped, agents go on meanwhile."""
    settings, _ = load_settings()
    url = settings.database_owner_url or settings.database_url
    if url is None:
        raise typer.BadParameter("set VECTORFLOW_DATABASE_OWNER_URL to a login that may create databases")
    files = journals or sorted((settings.state_dir / "revocations").glob("*.ndjson"))
    restored = restoring.restore(
        restoring.Request(
            path=file,
            identity=_identity(key),
            url=url,
            state_dir=settings.state_dir,
            replace=replace,
            journals=tuple(files),
            without_journal=without_journal,
            check=lambda loaded: asyncio.run(_check(settings, loaded)),
            tell=lambda loaded, done: asyncio.run(_record_restored(settings, loaded, done)),
        )
    )
    for line in _told(restored, journal.complete_until(files)):
        typer.echo(line)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(backup, name="backup")
    app.command("restore")(restore)


def _told(restored: Restored, until: datetime | None) -> list[str]:
    head = restored.head
    lines = [f"Restored {restored.rows} rows of {len(head.tables)} tables, as they were at {head.made_at}."]
    lines.append(f"{len(restored.revocations)} revocations made since were applied again.")
    if until is not None:
        lines.append(
            f"The journal of revocations is complete until {rfc3339(until)}; check what was revoked later."
        )
    if restored.former is not None:
        lines.append(f"The former database is kept as {restored.former}; drop it when you are sure.")
    lines.append(
        "Everybody signs in again. Nodes that enrolled since are unknown now; they go on with what they run."
    )
    lines.append("Give those a new enrolment token each. Start the servers.")
    return lines


def _url(settings: Settings) -> str:
    base = settings.database_direct_url or settings.database_url
    if base is None and settings.database_backup_url is None:
        raise typer.BadParameter("set VECTORFLOW_DATABASE_URL to the database to back up")
    return role_url(base or "", Role.BACKUP, settings.state_dir, settings.database_backup_url)


def _folder(settings: Settings) -> Path:
    return settings.backup_dir or settings.state_dir / "backups"


def _identity(file: Path) -> str:
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        message = f"The key {file} cannot be read: {error.strerror}."
        raise BackupUnreadable(message) from error
    return next((line for line in lines if line and not line.startswith("#")), "")


def _prune(url: str, folder: Path, keep: int | None) -> None:
    gone = shelf.expired(shelf.backups(folder), datetime.now(UTC), at_most=keep)
    shelf.remove(url, gone)
    for each in gone:
        typer.echo(f"removed {each.path.name}")


@asynccontextmanager
async def _opened(settings: Settings, url: str) -> AsyncIterator[Database]:
    signer = ScopeSigner(credentials.scope_key(settings.state_dir, settings.scope_key))
    database = Database(url, signer, size=1, audit_sink=AuditAppender())
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _as_worker(settings: Settings, url: str) -> str:
    stored = credentials.load(settings.state_dir)
    if stored is None:
        raise credentials.CredentialsMissing(credentials.CredentialsMissing.__doc__)
    return with_login(url, Role.WORKER.value, stored.passwords[Role.WORKER.value])


async def _check(settings: Settings, url: str) -> None:
    """Walk every chain of the logs. Raises `RestoreRefused` for one that does not hold."""
    async with _opened(settings, _as_worker(settings, url)) as database:
        service = AuditService(database)
        verdicts = [await service.verify_platform()]
        verdicts += [await service.verify(each) for each in await each_organization(database)]
    broken = [told(each)[0] for each in verdicts if each.broken_at is not None]
    if broken:
        message = f"{RestoreRefused.__doc__} A log in it does not hold: {'; '.join(broken)}"
        raise RestoreRefused(message)


async def _record_made(settings: Settings, url: str, made: Made) -> None:
    async with _opened(settings, url) as database, database.unscoped() as txn:
        after = {"expires_at": made.head.expires_at, "bytes": made.bytes, "revision": made.head.revision}
        await append_platform(txn, _entry(AuditAction.BACKUP_MADE, made.head.id, "A backup was made.", after))


async def _record_restored(settings: Settings, url: str, restored: Restored) -> None:
    after = {"made_at": restored.head.made_at, "revocations": len(restored.revocations)}
    summary = f"A backup was restored: everything is as it was at {restored.head.made_at}."
    entry = _entry(AuditAction.BACKUP_RESTORED, restored.head.id, summary, after)
    async with _opened(settings, _as_worker(settings, url)) as database:
        async with database.unscoped() as txn:
            await append_platform(txn, entry)
        for organization_id in await each_organization(database):
            async with database.transaction(organization_id) as txn:
                await txn.audit(entry)


def _entry(action: AuditAction, backup_id: str, summary: str, after: dict[str, object]) -> AuditEntry:
    return AuditEntry(
        action=action, actor=SYSTEM, object_type="backup", object_id=backup_id, summary=summary, after=after
    )
