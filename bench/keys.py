"""What encryption costs, and a rotation that is killed: ``python bench/keys.py [--values N] [--kills K]``.

Sealing warm, scope and row-level security on an embedded PostgreSQL, then the rotation of N ciphertexts with four
writers, during which the rotating process is killed K times; at the end every value is compared with the
bench's own ledger. In full: ``--values 100000 --kills 10``. The exit code is 1 when a figure was not reached.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import uvloop
from psycopg.rows import dict_row

from vectorflow.audit.service import AuditAppender
from vectorflow.entry.sealed_columns import SEALED_COLUMNS
from vectorflow.kernel.actor import SYSTEM
from vectorflow.kernel.ids import new_id
from vectorflow.keys import sealing
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.rotation import KeyRotation
from vectorflow.keys.service import KeyService
from vectorflow.keys.types import Cell, SealedValue
from vectorflow.platform import credentials
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.logs import configure_logs
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner
from vectorflow.vault.service import SecretColumn, VaultService

WRITERS = 4
FAILED: list[str] = []
SECRETS = SecretColumn()


def main() -> int:
    """Run the parts, or be the process that rotates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--values", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=4)
    parser.add_argument("--rotate", nargs=3, metavar=("URL", "STATE", "ORGANIZATION"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure_logs(json=False, level="warning")
    uvloop.run(_rotate(*options.rotate) if options.rotate else _measure(options.values, options.kills))
    return 1 if FAILED else 0


def row(part: str, figure: str, goal: str, *, reached: bool) -> None:
    print(f"{part:<44} {figure:>22}   {goal:<16} {'' if reached else 'NOT REACHED'}", flush=True)
    if not reached:
        FAILED.append(part)


class House:
    """A database with one organisation, and the roles that matter."""

    def __init__(self, url: str, state: Path) -> None:
        self.url, self.state = url, state
        self.provider = LocalKeyFile(state)

    def database(self, role: Role, size: int) -> Database:
        signer = ScopeSigner(credentials.scope_key(self.state))
        return Database(role_url(self.url, role, self.state), signer, size=size, audit_sink=AuditAppender())


async def _measure(values: int, kills: int) -> None:
    with tempfile.TemporaryDirectory(prefix="vectorflow-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as nobody when root starts it
        directory = Path(folder)
        cluster = EmbeddedPostgres(directory / "postgres")
        cluster.start()
        try:
            url = cluster.ensure_database("bench")
            migrate(url, directory / "state")
            house = House(url, directory / "state")
            house.provider.create()
            app, signing = house.database(Role.APP, 8), house.database(Role.SIGNER, 4)
            await app.open()
            await signing.open()
            try:
                load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
                print(f"{values:,} ciphertexts, {kills} kills, load {load}", flush=True)
                keys = KeyService(app, house.provider)
                organization, environment = new_id(), new_id()
                await _furnish(app, keys, organization, environment)
                await _sealing(app, keys, organization)
                await _scopes(app, organization)
                await _lists(house, app, organization, environment)
                await _rotation(house, app, signing, (organization, environment), values, kills)
            finally:
                await app.close()
                await signing.close()
        finally:
            cluster.stop()


async def _furnish(app: Database, keys: KeyService, organization: UUID, environment: UUID) -> None:
    team = new_id()
    async with app.transaction(organization) as txn:
        names = {"slug": f"t{organization.hex[-20:]}", "team": team, "environment": environment}
        for statement in (
            "insert into organizations (id, slug, name) values (%(organization_id)s, %(slug)s, 'Bench')",
            "insert into teams (organization_id, id, slug, name) values (%(organization_id)s, %(team)s, 'te', 'T')",
            """insert into environments (organization_id, id, team_id, slug, name, position)
            values (%(organization_id)s, %(environment)s, %(team)s, 'dev', 'Dev', 0)""",
        ):
            await txn.execute(statement, names)
        await keys.create_for_organization(txn)


async def _sealing(app: Database, keys: KeyService, organization: UUID) -> None:
    """The cipher with all its additional data; then the whole of `KeyService`, which asks the database."""
    cell, key, value = Cell("secret", "secret_versions", "value", new_id(), 1), os.urandom(32), os.urandom(64)
    sealed = sealing.seal(key, 1, organization, cell, value)
    for name, work in (
        ("seal 64 bytes, warm", lambda: sealing.seal(key, 1, organization, cell, value)),
        ("unseal 64 bytes, warm", lambda: sealing.unseal(key, organization, cell, sealed)),
    ):
        microseconds = statistics.median(_timed(work, 2_000) for _ in range(15))
        row(name, f"{microseconds:.1f} µs", "≤ 30 µs", reached=microseconds <= 30)
    async with app.transaction(organization) as txn:
        sealed = await keys.seal(txn, cell, value)
        times = []
        for _ in range(2_000):
            started = time.perf_counter()
            await keys.unseal(txn, cell, sealed)
            times.append(time.perf_counter() - started)
    microseconds = statistics.median(times) * 1e6
    row("KeyService.unseal, key held", f"{microseconds:.1f} µs", "≤ 30 µs", reached=microseconds <= 30)


def _timed(work: Callable[[], object], times: int) -> float:
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) / times * 1e6


async def _scopes(app: Database, organization: UUID) -> None:
    """A transaction with its scope against one without, taking turns."""

    async def once(begin: Callable[[], Any]) -> float:
        started = time.perf_counter()
        async with begin() as txn:
            await txn.value("select 1")
        return time.perf_counter() - started

    scoped, bare = [], []
    for _ in range(1_500):
        scoped.append(await once(lambda: app.transaction(organization)))
        bare.append(await once(app.unscoped))
    cost = (statistics.median(scoped) - statistics.median(bare)) * 1e3
    row("scope of a transaction", f"{cost:.3f} ms", "≤ 0.4 ms", reached=cost <= 0.4)


async def _lists(house: House, app: Database, organization: UUID, environment: UUID) -> None:
    """The list of 500 pipelines with row-level security against the same query of a superuser, taking turns."""
    query = """select id, name, document from pipelines
        where organization_id = %(o)s and environment_id = %(e)s order by name, id limit 500"""
    names = {"o": organization, "e": environment}
    with psycopg.connect(house.url, autocommit=True) as owner:
        columns = {
            name: value
            for name, value in _required(owner, "pipelines").items()
            if name not in ("organization_id", "id", "environment_id", "name")
        }
        for number in range(500):
            given = columns | names | {"id": new_id(), "name": f"pipeline {number:03}"}
            owner.execute(
                f"insert into pipelines (organization_id, environment_id, id, name{''.join(', ' + each for each in columns)}) "
                f"values (%(o)s, %(e)s, %(id)s, %(name)s{''.join(f', %({each})s' for each in columns)})",
                given,
            )
        owner.execute("analyze")
        with_rls: list[float] = []
        without: list[float] = []
        # The same driver, as a role that row-level security does not hold.
        async with (
            await psycopg.AsyncConnection.connect(house.url, autocommit=True, row_factory=dict_row) as free,
            app.transaction(organization) as txn,
        ):
            free.prepare_threshold = None
            for _ in range(400):
                for times, connection in ((with_rls, txn.connection), (without, free)):
                    started = time.perf_counter()
                    await (await connection.execute(query, names)).fetchall()
                    times.append(time.perf_counter() - started)
    cost = (statistics.median(with_rls) / statistics.median(without) - 1) * 100
    row("row-level security on a list of 500", f"{cost:+.1f} %", "≤ 10 %", reached=cost <= 10)


def _required(connection: psycopg.Connection[Any], table: str) -> dict[str, Any]:
    """Values for columns that have neither a default nor may be null."""
    found = connection.execute(
        """select column_name, data_type from information_schema.columns where table_name = %s
        and is_nullable = 'NO' and column_default is null and is_generated = 'NEVER'""",
        [table],
    )
    samples = {
        "json": "{}",
        "jsonb": "{}",
        "text": "x",
        "integer": 1,
        "bigint": 1,
        "boolean": True,
        "uuid": new_id(),
    }
    return {name: samples.get(kind, b"x" * 32) for name, kind in found}


async def _rotation(  # noqa: PLR0917
    house: House, app: Database, signing: Database, place: tuple[UUID, UUID], values: int, kills: int
) -> None:
    organization, environment = place
    vault, ledger, stop = VaultService(KeyService(app, house.provider)), {}, asyncio.Event()
    await _fill(house, app, place, values, ledger)

    async def write(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name, value = f"w{writer}-{number}", os.urandom(12).hex()
            async with app.transaction(organization) as txn:
                secret = await vault.create(txn, SYSTEM, environment, name, value)
            ledger[name] = value
            if number % 3 == 0:
                value = os.urandom(12).hex()
                async with app.transaction(organization) as txn:
                    secret = await vault.for_change(txn, environment, secret.id)
                    await vault.replace(txn, SYSTEM, environment, secret, value)
                ledger[name] = value
            await asyncio.sleep(0.01)

    started, killed = time.monotonic(), 0
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write(writer))
        while True:
            process = await asyncio.create_subprocess_exec(
                sys.executable, __file__, "--rotate", house.url, str(house.state), str(organization)
            )
            if killed == kills:
                code = await process.wait()
                break
            try:
                async with asyncio.timeout(random.uniform(1.0, 1.0 + values / 15_000)):
                    await process.wait()
            except TimeoutError:
                process.kill()
                killed += 1
            await process.wait()
        stop.set()
    seconds = time.monotonic() - started
    rotation = KeyRotation(signing, KeyService(signing, house.provider), SEALED_COLUMNS)
    await rotation.finish(organization)
    newest, *older = await rotation.status(organization)
    gone = bool(older) and all(not any(key.wrapped) and key.destroyed_at for key in older)
    print(f"{len(ledger):,} values, {killed} kills, {seconds:.0f} s, version {newest.version}", flush=True)
    row(
        "rotation ends, old keys destroyed",
        "yes" if gone and code == 0 else "no",
        "yes",
        reached=gone and code == 0,
    )
    wrong = await _compared(house, signing, place, ledger)
    row("values that differ from the ledger", str(wrong), "0", reached=wrong == 0)


async def _fill(
    house: House, app: Database, place: tuple[UUID, UUID], values: int, ledger: dict[str, str]
) -> None:
    """Seal through the service, and bring the rows in as the owner, which is quicker than one by one."""
    organization, environment = place
    keys = KeyService(app, house.provider)
    with psycopg.connect(house.url, autocommit=True) as owner:
        for first in range(0, values, 5_000):
            rows = []
            async with app.transaction(organization) as txn:
                for number in range(first, min(first + 5_000, values)):
                    secret, version, value = new_id(), new_id(), os.urandom(12).hex()
                    cell = SECRETS.cell(SealedValue(version, 1, b""))
                    rows.append((secret, version, f"s{number}", await keys.seal(txn, cell, value.encode())))
                    ledger[f"s{number}"] = value
            with owner.transaction(), owner.cursor() as cursor:
                cursor.executemany(
                    "insert into secrets (organization_id, id, environment_id, name, version) values (%s, %s, %s, %s, 1)",
                    [(organization, secret, environment, name) for secret, _, name, _ in rows],
                )
                cursor.executemany(
                    """insert into secret_versions (organization_id, id, secret_id, version, value)
                    values (%s, %s, %s, 1, %s)""",
                    [(organization, version, secret, sealed) for secret, version, _, sealed in rows],
                )
    keys.close()


async def _compared(house: House, signing: Database, place: tuple[UUID, UUID], ledger: dict[str, str]) -> int:
    """Read every value with fresh keys; return how many are not what the ledger says."""
    organization, environment = place
    vault, names, wrong = VaultService(KeyService(signing, house.provider)), list(ledger), 0
    for first in range(0, len(names), 1_000):
        some = names[first : first + 1_000]
        async with signing.transaction(organization) as txn:
            found = {
                each.name: each.value.decode() for each in await vault.secret_values(txn, environment, some)
            }
        wrong += sum(found.get(name) != ledger[name] for name in some)
    return wrong


async def _rotate(url: str, state: str, organization: str) -> None:
    house = House(url, Path(state))
    database = house.database(Role.SIGNER, 2)
    await database.open()
    await KeyRotation(database, KeyService(database, house.provider), SEALED_COLUMNS).rotate(
        UUID(organization)
    )
    await database.close()


if __name__ == "__main__":
    sys.exit(main())
