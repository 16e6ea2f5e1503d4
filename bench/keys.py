"""What encryption costs, and a rotation that is killed: ``python bench/keys.py [--values N] [--kills K]``.

Sealing warm, scope and row-level security on an embedded PostgreSQL, then the rotation of N ciphertexts, spread over all
sensitive columns, with four writers, during which the rotating process is killed K times; at the end every value is compared with the
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
from datetime import UTC, datetime, timedelta
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
from vectorflow.keys.types import Cell, SealedColumn, SealedValue
from vectorflow.platform import credentials
from vectorflow.platform.catalogue import Recipe, RowMaker, Table, insertion, read_tables
from vectorflow.platform.credentials import Role, role_url
from vectorflow.platform.database import Database
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.logs import configure_logs
from vectorflow.platform.migrate import migrate
from vectorflow.platform.scope import ScopeSigner
from vectorflow.vault.service import VaultService

WRITERS, BATCH = 4, 1_000
FAILED: list[str] = []
# What a check asks of a row beyond what the catalogue's types say.
_RECIPES: dict[str, Recipe] = {
    "public.signing_keys": lambda _organization, _number: {
        "kind": "online",
        "not_after": datetime.now(UTC) + timedelta(days=90),
    },
    "public.secret_stores": lambda _organization, _number: {"resolve": "server"},
}


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


# What every sealed value must be, by column and row: kept apart from the database.
Ledger = dict[tuple[str, UUID], bytes]


async def _rotation(  # noqa: PLR0917
    house: House, app: Database, signing: Database, place: tuple[UUID, UUID], values: int, kills: int
) -> None:
    organization, environment = place
    ledger, stop = Ledger(), asyncio.Event()
    keys = KeyService(app, house.provider)
    vault = VaultService(keys)
    with psycopg.connect(house.url, autocommit=True) as owner:
        filler = Filler(owner, organization, environment)
        for column in SEALED_COLUMNS:
            for first in range(0, values // len(SEALED_COLUMNS), BATCH):
                await filler.fill(
                    app, keys, column, min(BATCH, values // len(SEALED_COLUMNS) - first), ledger
                )
    count = len(ledger)

    async def write(writer: int) -> None:
        """Write secrets through the vault, and values of every other column as their rooms do."""
        number = 0
        with psycopg.connect(house.url, autocommit=True) as owner:
            filler = Filler(owner, organization, environment)
            while not stop.is_set():
                number += 1
                name, value = f"w{writer}-{number}", os.urandom(12).hex()
                async with app.transaction(organization) as txn:
                    secret = await vault.create(txn, SYSTEM, environment, name, value)
                    version = await txn.value(
                        "select id from secret_versions where organization_id = %(organization_id)s and secret_id = %(id)s",
                        {"id": secret.id},
                    )
                ledger["secret_versions.value", version] = value.encode()
                column = SEALED_COLUMNS[number % len(SEALED_COLUMNS)]
                if column.name != "secret_versions.value":
                    await filler.fill(app, keys, column, 1, ledger)
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
    print(
        f"{count:,} values in {len(SEALED_COLUMNS)} columns and {len(ledger) - count:,} written meanwhile, "
        f"{killed} kills, {seconds:.0f} s, version {newest.version}",
        flush=True,
    )
    row(
        "rotation ends, old keys destroyed",
        "yes" if gone and code == 0 else "no",
        "yes",
        reached=gone and code == 0,
    )
    wrong, seen = await _compared(house, signing, organization, ledger)
    row("values that differ from the ledger", str(wrong), "0", reached=wrong == 0)
    row("values that the ledger knows", f"{seen:,}", "all of them", reached=seen == len(ledger))


class Filler:
    """Brings rows with sealed values in as the owner, whatever the table: their other columns are of the catalogue."""

    def __init__(self, owner: psycopg.Connection[Any], organization: UUID, environment: UUID) -> None:
        owner.execute(
            "set session_replication_role = replica"
        )  # rows stand alone, without what they refer to
        self._owner = owner
        self._organization, self._environment = organization, environment
        self._tables = read_tables(owner)

    async def fill(
        self, app: Database, keys: KeyService, column: SealedColumn, count: int, ledger: Ledger
    ) -> None:
        """Insert rows of one column, sealed through the service, holding the keys until they are there."""
        table_name, _, name = column.name.partition(".")
        table = self._tables[f"public.{table_name}"]
        base = RowMaker(self._tables, _RECIPES).row(table.name, self._organization, 1)
        async with app.transaction(self._organization) as txn:
            rows, values = [], []
            for _ in range(count):
                row_id, value = new_id(), os.urandom(12).hex().encode()
                cell = column.cell(SealedValue(row_id, 1, b""))
                made = (
                    dict(base)
                    | {"id": row_id, name: await keys.seal(txn, cell, value)}
                    | _distinct(table, row_id)
                )
                if "environment_id" in made:
                    made["environment_id"] = self._environment
                rows.append(made)
                values.append((row_id, value))
            statement, _ = insertion(table, rows[0])
            with self._owner.transaction(), self._owner.cursor() as cursor:
                cursor.executemany(statement, [list(each.values()) for each in rows])
        for row_id, value in values:
            ledger[column.name, row_id] = value


def _distinct(table: Table, row_id: UUID) -> dict[str, Any]:
    """Values that may stand in one row only."""
    own: dict[str, Any] = {}
    for name, column in table.columns.items():
        if name == "name" and column.type == "text":
            own[name] = f"n{row_id.hex}"
        elif (
            name.endswith("_id")
            and name not in ("organization_id", "environment_id")
            and column.type == "uuid"
        ):
            own[name] = row_id
    if "version" in table.columns:
        own["version"] = 1
    return own


async def _compared(house: House, signing: Database, organization: UUID, ledger: Ledger) -> tuple[int, int]:
    """Open every value of every column with fresh keys; how many are not what the ledger says, and how many are."""
    keys, wrong, seen = KeyService(signing, house.provider), 0, 0
    for column in SEALED_COLUMNS:
        after = UUID(int=0)
        while True:
            async with signing.transaction(organization) as txn:
                await keys.hold(txn)
                rows = await column.batch(txn, after, 1_000)
                for each in rows:
                    known = ledger.get((column.name, each.id))
                    opened = await keys.unseal(txn, column.cell(each), each.value)
                    seen += known is not None
                    wrong += known is not None and known != opened
            if len(rows) < 1_000:
                break
            after = rows[-1].id
    keys.close()
    return wrong, seen


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
