"""Runs roles in one process until a signal, and ends them cleanly."""

import asyncio
import contextlib
import signal
from collections.abc import Sequence

import psycopg
import structlog

from vectorflow.entry.process import Process
from vectorflow.entry.roles import ROLES, RoleRunner, run_metrics
from vectorflow.kernel.errors import VectorFlowError
from vectorflow.keys.errors import KeysUnavailable, ProviderUnsafe
from vectorflow.keys.providers import LOCAL_NAME
from vectorflow.platform import fingerprint
from vectorflow.platform.credentials import Role
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow.platform.direct import PooledAddress, refuse_pooler
from vectorflow.platform.settings import Settings

log = structlog.get_logger()

STOP_SECONDS = 12.0
_RETRY_SECONDS = 0.5
_PATIENCE_SECONDS = 3.0


class RoleEndedError(VectorFlowError, status=500, code="entry.role-ended"):
    """A role ended although nobody asked it to; the process ends so that it can be started anew."""


class CatalogueChangedError(VectorFlowError, status=500, code="entry.catalogue-changed"):
    """The fences between organisations are not as `vectorflow migrate` left them; nothing is served."""


class ModeRefusedError(VectorFlowError, status=500, code="entry.mode-refused"):
    """These settings or roles are not allowed in cloud mode."""


def refuse_by_mode(settings: Settings, roles: Sequence[str]) -> None:
    """Check what cloud mode forbids. Raises `ModeRefusedError`."""
    if settings.mode != "cloud":
        return
    if "signer" in roles and {"api", "gateway"} & set(roles):
        raise ModeRefusedError(
            "In cloud mode the signer runs apart from API and gateway: neither may reach the signing keys. "
            "Start it in a process of its own with `vectorflow serve --role signer`."
        )
    if settings.audit_ship_bucket and "shipper" in roles and {"api", "gateway"} & set(roles):
        raise ModeRefusedError(
            "In cloud mode the shipper runs apart from API and gateway: its identity and key are its own. "
            "Start it in a process of its own with `vectorflow serve --role shipper`."
        )
    if LOCAL_NAME in (settings.key_provider, *settings.former_key_providers):
        raise ModeRefusedError(
            "In cloud mode data keys are wrapped by a KMS, never by a file on this machine. "
            "Set VECTORFLOW_KEY_PROVIDER to an AWS KMS or Vault Transit key."
        )


async def serve_roles(settings: Settings, roles: Sequence[str], stop: asyncio.Event | None = None) -> None:
    """Run the roles until `stop` is set or the process gets SIGINT or SIGTERM. Raises `ModeRefusedError`."""
    refuse_by_mode(settings, roles)
    async with Process.running(settings) as process:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, process.stop.set)
        passing = asyncio.create_task(_pass_on(stop, process.stop), name="stop") if stop else None
        try:
            await _run(process, roles)
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)
            if passing is not None:
                passing.cancel()
                await asyncio.gather(passing, return_exceptions=True)


async def _run(process: Process, roles: Sequence[str]) -> None:
    missing = [role for role in roles if role not in ROLES]
    if missing:
        log.warning("roles.missing", roles=missing)
    async with asyncio.TaskGroup() as group:
        await _direct(process, roles)
        await _keys_proved(process)
        tasks = [] if await _fences_stand(process) else [group.create_task(_fences_later(process))]
        tasks += [
            group.create_task(_until_stopped(process, role, ROLES[role]), name=role)
            for role in roles
            if role in ROLES
        ]
        tasks.append(group.create_task(_until_stopped(process, "metrics", run_metrics), name="metrics"))
        await process.stop.wait()
        _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
        for task in late:
            log.warning("role.late", role=task.get_name())
            task.cancel()


async def _until_stopped(process: Process, role: str, run: RoleRunner) -> None:
    try:
        await run(process)
        if not process.stop.is_set():
            message = f"The role {role} ended although nobody asked it to."
            raise RoleEndedError(message)
    except Exception:
        process.stop.set()
        raise


async def _fences_stand(process: Process) -> bool:
    """Compare the fences with their fingerprint; False while the database cannot be reached."""
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS), process.database.connection() as connection:
            await fingerprint.check(connection)
    except fingerprint.CatalogueChanged as error:
        process.stop.set()
        raise CatalogueChangedError(str(error)) from error
    except (DatabaseUnavailable, psycopg.OperationalError, TimeoutError):
        log.warning("fingerprint.waits", reason="the database cannot be reached")
        return False
    return True


async def _direct(process: Process, roles: Sequence[str]) -> None:
    """Refuse an address for bus or jobs that leads through a pooler."""
    listening = [Role.APP, Role.WORKER] if "worker" in roles else [Role.APP]
    try:
        for role in listening:
            await refuse_pooler(process.role_url(role, direct=True))
    except PooledAddress:
        process.stop.set()
        raise


async def _keys_proved(process: Process) -> None:
    """Refuse a key provider that opens keys without their organisation; one that is away is tried before use."""
    try:
        await process.key_ring.prove()
    except ProviderUnsafe:
        process.stop.set()
        raise
    except KeysUnavailable as error:
        log.warning("keys.not-proved", problem=error.detail)


async def _fences_later(process: Process) -> None:
    """A process may start before its database; the comparison then comes first thing after it."""
    standing = False
    while not standing and not process.stop.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.stop.wait(), _RETRY_SECONDS)
        standing = await _fences_stand(process)


async def _pass_on(source: asyncio.Event, target: asyncio.Event) -> None:
    await source.wait()
    target.set()
