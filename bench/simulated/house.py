"""The house under load: embedded PostgreSQL on one core, the gateway on another, the signer as its own process."""

import asyncio
import contextlib
import os
import re
import resource
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import msgspec
import psycopg

from vectorflow.entry.process import Process
from vectorflow.fleet import service as fleet
from vectorflow.fleet import topics
from vectorflow.kernel.actor import SYSTEM
from vectorflow.keys.errors import SigningKeysMissing
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.service import NewEnvironment, NewOrganization
from vectorflow_topology.document import document_from_json

PIPELINES = 5
_OTHER_FILES = 500
_DOCUMENT = {
    "components": [
        {
            "id": "lines",
            "kind": "source",
            "type": "demo_logs",
            "options": {"format": "shuffle", "lines": ["x"]},
        },
        {"id": "out", "kind": "sink", "type": "blackhole", "options": {}},
    ],
    "edges": [{"source": "lines", "target": "out"}],
}


class Organization(msgspec.Struct):
    """One tenant of the benchmark. `pipelines` holds ids with the revision to assign."""

    id: UUID
    slug: str
    environment_id: UUID
    token: str = ""
    pipelines: list[tuple[UUID, int]] = []


class House:
    """Started by `standing`; processes are ended by it."""

    def __init__(self, directory: Path, *, undisturbed: bool = False) -> None:
        self.directory = directory
        self.undisturbed = undisturbed
        self.cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.postgres = EmbeddedPostgres(directory / "postgres")
        self.port = free_port()
        self.metrics_port = free_port()
        self.settings = Settings()
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    @contextlib.contextmanager
    def standing(self) -> Iterator[None]:
        """Start the database on its core; at the end stop everything."""
        _allow_files(65_536)
        try:
            self.pin(-1)  # inherited by all but the gateway
            # PostgreSQL gives way to gateway and generator, and all of them to nobody else.
            self._precede(1)
            self.postgres.start()
            self._precede(2)
            url = self.postgres.ensure_database("vectorflow")
            migrate(url, self.directory)
            LocalKeyFile(self.directory).create()
            self.settings = Settings(
                database_url=url, state_dir=self.directory, log_level="warning", cookie_secure="never"
            )
            yield
        finally:
            for role in list(self._children):
                self.stop(role)
            self.postgres.stop()

    def pin(self, core: int) -> None:
        """Keep this process, and those it starts from now on, on one core, where that can be had."""
        if len(self.cores) > 1:
            os.sched_setaffinity(0, {self.cores[core]})

    def unpin(self) -> None:
        """Let this process alone run on any core: load generation is nobody's share."""
        if len(self.cores) > 1:
            os.sched_setaffinity(0, set(self.cores))

    def _precede(self, priority: int) -> None:
        """Run this process, and those it starts, before all ordinary ones, where that is asked for and allowed."""
        if self.undisturbed:
            try:
                os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
            except (AttributeError, PermissionError):
                self.undisturbed = False

    def pids(self) -> dict[str, int]:
        """Return the processes of the house by their part."""
        found = {role: child.pid for role, child in self._children.items()}
        if self.postgres.process is not None:
            found["postgres"] = self.postgres.process.pid
        return found

    async def kill(self, part: str) -> None:
        """End a part with SIGKILL: nothing is flushed, nothing is said."""
        if part == "postgres":
            postmaster = self.pids()["postgres"]
            for pid in (postmaster, *children(postmaster)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert self.postgres.process is not None
            await asyncio.to_thread(self.postgres.process.wait)
        else:
            child = self._children.pop(part)
            child.kill()
            await asyncio.to_thread(child.wait)

    async def revive(self, part: str) -> None:
        """Start a part again on what it left behind."""
        if part == "postgres":
            self._precede(1)
            try:
                await asyncio.to_thread(self.postgres.start)
            finally:
                self._precede(2)
        else:
            await self.start(part)

    def metrics(self) -> dict[str, float]:
        """Return the gateway's own metrics by name and labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        pairs = [line.rpartition(" ") for line in lines if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in pairs}

    async def start(self, role: str) -> int:
        """Start a role as a process of its own; return its pid once it answers."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("VECTORFLOW_")},
            "VECTORFLOW_DATABASE_URL": str(self.settings.database_url),
            "VECTORFLOW_STATE_DIR": str(self.directory),
            "VECTORFLOW_GATEWAY_PORT": str(self.port),
            "VECTORFLOW_AGENT_DOMAIN": "bench.test",
            "VECTORFLOW_TRUSTED_PROXIES": "127.0.0.1/32",
            "VECTORFLOW_LOG_LEVEL": "warning",
            **({"VECTORFLOW_METRICS_PORT": str(self.metrics_port)} if role == "gateway" else {}),
        }
        self.pin(0 if role == "gateway" else -1)
        with (self.directory / f"{role}.log").open("ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", "vectorflow.entry.cli", "serve", "--role", role],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.pin(-1)
        self._children[role] = child
        while role == "gateway":
            if child.poll() is not None:
                raise RuntimeError((self.directory / f"{role}.log").read_text()[-2000:])
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                break
            await asyncio.sleep(0.1)
        return child.pid

    def stop(self, role: str) -> None:
        """End a role as an operator does, and after 15 s the hard way."""
        child = self._children.pop(role)
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(timeout=15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()

    def query(self, statement: str) -> tuple[int, ...]:
        """Return one row, read as the superuser: the outside judge of what was stored."""
        with psycopg.connect(str(self.settings.database_url)) as connection:
            row = connection.execute(statement).fetchone()  # type: ignore[call-overload]
        return tuple(int(each or 0) for each in row)

    def pairs(self, statement: str) -> list[tuple[str, int]]:
        """Return rows of two columns, read as the superuser."""
        with psycopg.connect(str(self.settings.database_url)) as connection:
            return [(str(a), int(b)) for a, b in connection.execute(statement)]  # type: ignore[call-overload]

    def log_statements(self, *, on: bool) -> None:
        """Have PostgreSQL log every statement with its role, without values, or stop that."""
        wanted = {
            "log_min_duration_statement": "0",
            "log_line_prefix": "'%u '",
            "log_parameter_max_length": "0",
        }
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            for name, value in wanted.items():
                change = f"set {name} = {value}" if on else f"reset {name}"
                connection.execute(f"alter system {change}")  # type: ignore[call-overload]
            connection.execute("select pg_reload_conf()")

    def statements(self) -> Counter[str]:
        """Count the statements of the gateway's roles logged so far, BEGIN and COMMIT left out."""
        log = (self.directory / "postgres" / "postgres.log").read_text(errors="replace")
        found = re.findall(
            r"^vf_(?:app|telemetry) LOG:  duration: \S+ ms  (?:statement|execute \S+): (.*)$", log, re.M
        )
        return Counter(
            text.strip()[:60]
            for text in found
            if not text.lower().startswith(("begin", "commit", "rollback"))
        )


async def settle(
    process: Process, count: int, *, owner: tuple[str, str] = ("owner@bench.test", "")
) -> list[Organization]:
    """Make organisations with an environment and five pipelines each; the owner is an address and a password."""
    email, password = owner
    account = await process.services.identity.account_ensure(
        email, "Owner", password or secrets.token_hex(16)
    )
    made: list[Organization] = []
    for number in range(count):
        slug = f"bench-{number:03d}"
        new = NewOrganization(slug, slug, NewEnvironment("core", "Core"), (NewEnvironment("dev", "Dev"),))
        organization_id = await process.services.tenancy.organization_create(new, account, SYSTEM)
        async with process.database.transaction(organization_id) as txn:
            environment_id = await txn.value(
                "select id from environments where organization_id = %(organization_id)s"
            )
        made.append(Organization(organization_id, slug, environment_id))
        await _furnish(process, made[-1])
    return made


async def _furnish(process: Process, organization: Organization) -> None:
    rooms = process.services.rooms
    document = document_from_json(_DOCUMENT)
    pipelines: list[tuple[UUID, int]] = []
    for number in range(PIPELINES):
        async with process.database.transaction(organization.id) as txn:
            draft = await rooms.pipelines.create(
                txn, SYSTEM, organization.environment_id, name=f"pipeline-{number}", document=document
            )
            revision = await rooms.revisions.make_revision(txn, draft.row.id, "bench", SYSTEM)
        pipelines.append((draft.row.id, revision.number))
    organization.pipelines = pipelines


async def admit(process: Process, organization: Organization, nodes: int) -> None:
    """Make the enrolment token, once the signer has made the organisation's keys."""
    while True:
        try:
            async with process.database.transaction(organization.id) as txn:
                made = await process.services.rooms.fleet.enrolment_token_create(
                    txn,
                    organization.slug,
                    organization.environment_id,
                    name="bench",
                    expires_in_seconds=3600,
                    max_uses=nodes,
                    labels={},
                    actor=SYSTEM,
                )
        except SigningKeysMissing:
            await asyncio.sleep(0.2)
        else:
            organization.token = made.token
            return


async def hint(process: Process, versions: dict[UUID, dict[UUID, str]]) -> float:
    """Tell the bus of every node's bundle, by organisation as the signer does; return when it was committed."""
    async with process.database.unscoped() as txn:
        for nodes in versions.values():
            told = [(str(node_id), version) for node_id, version in nodes.items()]
            for start in range(0, len(told), topics.HINTS_PER_MESSAGE):
                chunk = dict(told[start : start + topics.HINTS_PER_MESSAGE])
                await txn.notify(topics.DESIRED, {"nodes": chunk})
    return time.monotonic()


async def assign(process: Process, organization: Organization, nodes: list[UUID], pipelines: int) -> None:
    """Assign so many pipelines to nodes in one transaction."""
    async with process.database.transaction(organization.id) as txn:
        for pipeline_id, revision in organization.pipelines[:pipelines]:
            await fleet.assign(txn, nodes, pipeline_id, revision=revision, desired="run")


def _allow_files(count: int) -> None:
    """Allow this process, and those it starts, so many open files, or as many as the machine gives."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limits in ((count, max(hard, count)), (min(hard, count), hard)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, limits if hard > 0 else (soft, hard))
            return


def connections_kept(agents: int) -> int:
    """Return how many agents may keep a second connection beside their stream, in this process and in the gateway."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(0, min(agents, soft - agents - _OTHER_FILES))


def children(pid: int) -> list[int]:
    """Return the processes that a process started; empty where there is no /proc."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
