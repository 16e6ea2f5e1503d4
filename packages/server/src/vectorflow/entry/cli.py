"""The `vectorflow` command."""

import getpass
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
import typer
import uvloop

from vectorflow.entry.api import build_litestar
from vectorflow.entry.audit_cli import register as register_audit
from vectorflow.entry.backup_cli import register as register_backup
from vectorflow.entry.files.commands import register as register_files
from vectorflow.entry.fleet_cli import nodes
from vectorflow.entry.fleet_cli import register as register_fleet
from vectorflow.entry.freed_memory import keep_freed_memory
from vectorflow.entry.health import version
from vectorflow.entry.keys_cli import keys
from vectorflow.entry.logs_cli import register as register_logs
from vectorflow.entry.open_files import allow_open_files
from vectorflow.entry.openapi import complete
from vectorflow.entry.org_cli import org
from vectorflow.entry.process import Process
from vectorflow.entry.release_cli import register as register_releases
from vectorflow.entry.roles import ROLES
from vectorflow.entry.secrets_limit_cli import register as register_secrets_limit
from vectorflow.entry.serve import serve_roles
from vectorflow.entry.services import Services
from vectorflow.entry.tap_cli import register as register_tap
from vectorflow.entry.up.launcher import Launcher, UpFailed
from vectorflow.entry.update_cli import register as register_updates
from vectorflow.identity.erasing import PersonEraser
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys.providers import LOCAL_NAME, LocalKeyFile
from vectorflow.platform.backup.archive import BackupUnreadable
from vectorflow.platform.backup.restore import RestoreRefused
from vectorflow.platform.credentials import CredentialsMissing, Role
from vectorflow.platform.database import Database, DatabaseUnavailable
from vectorflow.platform.direct import PooledAddress
from vectorflow.platform.embedded import EmbeddedPostgresFailed
from vectorflow.platform.logs import configure_logs, wants_json
from vectorflow.platform.migrate import MigrationRefused, migrate
from vectorflow.platform.scope import KEY_BYTES, ScopeSigner
from vectorflow.platform.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
user = typer.Typer(no_args_is_help=True, help="Accounts, for whoever runs the server.")
app.add_typer(user, name="user")
app.add_typer(keys, name="keys")
app.add_typer(org, name="org")
register_files(app)
register_audit(app)
register_backup(app)
register_fleet(app)
register_updates(nodes)
register_secrets_limit(nodes)
register_logs(app)
register_releases(app)
register_tap(app)

# What a person can do something about: told in a sentence, without a trace.
EXPECTED = (
    VectorFlowError,
    CredentialsMissing,
    DatabaseUnavailable,
    PooledAddress,
    MigrationRefused,
    EmbeddedPostgresFailed,
    UpFailed,
    BackupUnreadable,
    RestoreRefused,
)


def prepare() -> Settings:
    """Read the settings, set up the logs, and say which variables are not settings."""
    settings, warnings = load_settings()
    configure_logs(json=wants_json(settings.log_format), level=settings.log_level)
    for warning in warnings:
        structlog.get_logger().warning("settings.unknown", message=warning)
    return settings


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine on uvloop."""
    uvloop.run(work())


@app.command()
def serve(
    role: Annotated[
        list[str] | None,
        typer.Option(help="api, gateway, signer, worker or shipper; may be repeated. All by default."),
    ] = None,
) -> None:
    """Run the server, in one process or in several with a role each."""
    settings = prepare()
    roles = role or list(settings.roles)
    unknown = sorted(set(roles) - set(ROLES))
    if unknown:
        raise typer.BadParameter(f"there is no role {unknown[0]}; choose of {', '.join(ROLES)}")
    allow_open_files()
    keep_freed_memory()
    run(lambda: serve_roles(settings, roles))


@app.command()
def up() -> None:
    """Run everything on this machine: database, server, an agent and a pipeline on real input."""
    settings, warnings = load_settings()
    configure_logs(json=wants_json(settings.log_format), level="warning")
    for warning in warnings:
        structlog.get_logger().warning("settings.unknown", message=warning)
    run(Launcher(settings).run)


@app.command("migrate")
def migrate_command() -> None:
    """Bring the database to this version."""
    settings = prepare()
    url = settings.database_owner_url or settings.database_url
    if url is None:
        raise typer.BadParameter("set VECTORFLOW_DATABASE_OWNER_URL to a login that may create roles")
    migrate(url, settings.state_dir)
    if settings.key_provider == LOCAL_NAME:
        LocalKeyFile(settings.state_dir).create()
    typer.echo("The database is up to date.")


@app.command()
def openapi() -> None:
    """Print the API's description, OpenAPI 3.1; needs no database."""
    typer.echo(msgspec.json.format(msgspec.json.encode(api_description())).decode())


@app.command("version")
def version_command() -> None:
    """Print the version."""
    typer.echo(version())


@user.command("add")
def user_add(
    email: Annotated[str, typer.Argument(help="The address to sign in with.")],
    name: Annotated[str, typer.Option(help="The name others see.")],
    password_file: Annotated[
        Path | None, typer.Option(help="File with the password; without it you are asked.")
    ] = None,
) -> None:
    """Make an account; an existing one stays as it is."""
    settings = prepare()
    password = password_file.read_text().strip() if password_file else getpass.getpass("Password: ")

    async def add() -> None:
        async with Process.running(settings) as process:
            account_id = await process.services.identity.account_ensure(email, name, password)
        typer.echo(f"{email} is account {account_id}.")

    run(add)


@user.command("erase")
def user_erase(
    email: Annotated[str, typer.Argument(help="The address of the account.")],
    confirm: Annotated[
        str | None, typer.Option(help="The address once more; without it you are asked.")
    ] = None,
) -> None:
    """Take a person's name, address and password out of the whole installation, for ever."""
    settings = prepare()
    if (confirm or typer.prompt(f"Type {email} to have it erased")) != email:
        raise typer.BadParameter("that is not the address; nothing was changed")

    async def erase() -> None:
        async with Process.running(settings) as process:
            eraser = PersonEraser(await process.open_database(Role.OPERATOR, size=2))
            done = await eraser.erase(email, SYSTEM)
        typer.echo(
            f"Account {done.account_id} is erased: {done.places} places in {done.organizations} organisations."
        )
        typer.echo(f"Backups made until now hold it for up to {settings.backup_retention_days} days more.")

    run(erase)


def api_description() -> dict[str, Any]:
    """Return the API's description without opening anything."""
    database = Database("", ScopeSigner(bytes(KEY_BYTES)))
    application = build_litestar(Services(Settings(), database))
    return complete(application.openapi_schema.to_schema())


def main() -> None:
    """Run the command line; what a person can mend is said in a sentence."""
    try:
        app()
    except EXPECTED as error:
        _fail(str(error))
    except BaseExceptionGroup as group:
        expected, rest = group.split(EXPECTED)
        if rest is not None or expected is None:
            raise
        _fail("; ".join(sorted({str(each) for each in _leaves(expected)})))


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def _fail(message: str) -> None:
    sys.stderr.write(f"vectorflow: {message}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
