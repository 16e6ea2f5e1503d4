"""`vectorflow org`: organisations, for whoever runs the installation; straight on the database, into the platform's log."""

# house: test: run as a command: tests/e2e/test_restore.py
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
import uvloop

from vectorflow.audit.service import append_platform
from vectorflow.entry.health import version
from vectorflow.entry.process import Process
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import rfc3339
from vectorflow.keys.signing import SigningService
from vectorflow.platform.credentials import Role
from vectorflow.platform.settings import load_settings
from vectorflow.tenancy.errors import OrganizationNotFoundError
from vectorflow.tenancy.lifecycle import archive
from vectorflow.tenancy.lifecycle.exporting import Exporter, ExportSigner
from vectorflow.tenancy.lifecycle.service import LifecycleService
from vectorflow.tenancy.service import NewEnvironment, NewOrganization

org = typer.Typer(no_args_is_help=True, help="Organisations, for whoever runs the server.")
Slug = Annotated[str, typer.Argument(help="The organisation's name in addresses.")]
ENVIRONMENTS = ["development", "staging", "production"]


@asynccontextmanager
async def _opened() -> AsyncIterator[tuple[Process, LifecycleService]]:
    settings, _ = load_settings()
    async with Process.running(settings) as process:
        operator = await process.open_database(Role.OPERATOR, size=2)
        yield process, LifecycleService(operator, grace=process.services.organization_life.grace)


def _run(work: Callable[[Process, LifecycleService], Awaitable[None]]) -> None:
    async def run() -> None:
        async with _opened() as (process, lifecycle):
            await work(process, lifecycle)

    uvloop.run(run())


async def _id(process: Process, slug: str) -> UUID:
    found = await process.services.tenancy.organization_id(slug)
    if found is None:
        raise OrganizationNotFoundError
    return found


@org.command("list")
def list_organizations(
    erased: Annotated[bool, typer.Option("--erased", help="Those that were erased instead.")] = False,
) -> None:
    """List organisations and their state; with --erased, what stays of those that are gone."""

    async def work(_: Process, lifecycle: LifecycleService) -> None:
        if erased:
            for gone in await lifecycle.erasures():
                typer.echo(
                    f"{gone.slug}  erased {rfc3339(gone.erased_at)}  "
                    f"no backup holds it after {rfc3339(gone.complete_at)}"
                )
            return
        for each in await lifecycle.directory():
            state = "active"
            if each.deletion_due_at is not None:
                state = f"to be erased {rfc3339(each.deletion_due_at)}"
            if each.suspended_at is not None:
                state = f"suspended {rfc3339(each.suspended_at)}"
            typer.echo(f"{each.slug}  {each.id}  {state}")

    _run(work)


@org.command("create")
def create(
    slug: Slug,
    owner: Annotated[
        str, typer.Option(help="E-mail address of the owner's account (`vectorflow user add`).")
    ],
    name: Annotated[str | None, typer.Option(help="The name people see; the slug by default.")] = None,
    environment: Annotated[
        list[str] | None, typer.Option(help="Slug of an environment, in promotion order; may be repeated.")
    ] = None,
) -> None:
    """Make an organisation with a team and environments."""

    async def work(process: Process, _: LifecycleService) -> None:
        account_id = await process.services.identity.account_find(owner)
        if account_id is None:
            raise typer.BadParameter(f"there is no account {owner}; make it with `vectorflow user add`")
        environments = tuple(NewEnvironment(each, each.capitalize()) for each in environment or ENVIRONMENTS)
        new = NewOrganization(slug, name or slug, NewEnvironment("platform", "Platform"), environments)
        organization_id = await process.services.tenancy.organization_create(new, account_id, SYSTEM)
        async with process.database.unscoped() as txn:
            await append_platform(
                txn,
                AuditEntry(
                    action=AuditAction.ORGANIZATION_CREATED,
                    actor=SYSTEM,
                    object_type="organization",
                    object_id=str(organization_id),
                    summary=f"The organisation {slug} was created",
                ),
            )
        typer.echo(f"{slug} is organisation {organization_id}.")

    _run(work)


@org.command("suspend")
def suspend(slug: Slug, reason: Annotated[str, typer.Option(help="Shown to every member.")]) -> None:
    """Let people only read; agents go on with what they run."""

    async def work(process: Process, lifecycle: LifecycleService) -> None:
        done = await lifecycle.suspend(await _id(process, slug), reason, SYSTEM)
        typer.echo(f"{slug} is suspended." if done else f"{slug} was suspended already.")

    _run(work)


@org.command("resume")
def resume(slug: Slug) -> None:
    """End a suspension."""

    async def work(process: Process, lifecycle: LifecycleService) -> None:
        done = await lifecycle.resume(await _id(process, slug), SYSTEM)
        typer.echo(f"{slug} goes on." if done else f"{slug} was not suspended.")

    _run(work)


@org.command("delete")
def delete(
    slug: Slug,
    confirm: Annotated[str | None, typer.Option(help="The slug once more; without it you are asked.")] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Keep the organisation after all.")] = False,
) -> None:
    """Have an organisation erased when the grace is over; until then people can only read, and it can be cancelled."""
    typed = slug if cancel else confirm or typer.prompt(f"Type {slug} to have it erased")

    async def work(process: Process, lifecycle: LifecycleService) -> None:
        organization_id = await _id(process, slug)
        if cancel:
            await lifecycle.cancel_deletion(organization_id, SYSTEM)
            typer.echo(f"{slug} stays.")
            return
        await lifecycle.delete(organization_id, typed, SYSTEM)
        days = lifecycle.grace.days
        retention = process.settings.backup_retention_days
        typer.echo(
            f"{slug} will be erased in {days} days. Until then: `vectorflow org delete {slug} --cancel`."
        )
        typer.echo(f"Backups made until then hold it for up to {retention} days more; then nothing does.")

    _run(work)


@org.command("export")
def export(
    slug: Slug, to: Annotated[Path, typer.Option(help="The file to write: a compressed tar.")]
) -> None:
    """Write everything the organisation owns into one signed file, without secrets."""

    async def work(process: Process, _: LifecycleService) -> None:
        organization_id = await _id(process, slug)
        service = process.services.organization_life
        async with process.database.transaction(organization_id) as txn:
            made = await service.export_request(txn, SYSTEM, now=True)
        exporter = Exporter(process.database, process.services.clock, version())
        await exporter.run(organization_id, {"export_id": made.id})
        database = await process.open_database(Role.SIGNER, size=2)
        keys = process.new_keys(database)
        try:
            await ExportSigner(database, SigningService(keys, process.services.clock)).sweep()
        finally:
            keys.close()
        with to.open("xb") as file:
            async for part in await service.export_fetch(organization_id, made.id, SYSTEM):
                file.write(part)
        typer.echo(f"{to}: {to.stat().st_size} bytes.")

    _run(work)


@org.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(exists=True, help="An export.")],
    fingerprint: Annotated[
        str | None, typer.Option(help="The organisation's root fingerprint, as agents are installed with.")
    ] = None,
) -> None:
    """Check an export offline: every file, the signature and the log. Exit code 1: not genuine."""
    verdict = archive.verify(file, fingerprint)
    manifest = verdict.manifest
    rows = sum(each.rows for each in manifest.files)
    typer.echo(
        f"{file}: genuine. {manifest.slug}, made {manifest.made_at}: {len(manifest.files)} files, {rows} rows."
    )
    typer.echo(f"Signed under the root key {verdict.fingerprint}.")
    if fingerprint is None:
        typer.echo(
            "Compare that with the fingerprint that your agents were installed with, or give --fingerprint."
        )
    typer.echo(f"The log in it: {verdict.audit.records} records, the chain holds.")
