"""A backup of a day ago, restored under live agents: none stops, none refuses, and nothing revoked returns."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import psycopg
import pytest
from psycopg import sql

from tests.e2e.pipelines import component, create, deploy, document, rolled
from tests.e2e.stack import PROGRAMS, Api, free_port, wait_until
from vectorflow.entry.up.seed import load_info, seed
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.platform.embedded import EmbeddedPostgres
from vectorflow.platform.migrate import migrate
from vectorflow.platform.settings import Settings

# Logs and their proofs are hashed with their times, and keep them.
HASHED = ("audit_records", "audit_checkpoints", "platform_audit", "platform_audit_checkpoints")


class Installation:
    """A PostgreSQL, one server process and agents, each started and stopped on its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "var"
        self.postgres = EmbeddedPostgres(folder / "postgres", durable=False)
        self.ports = {"VECTORFLOW_PORT": free_port(), "VECTORFLOW_GATEWAY_PORT": free_port()}
        self.server: subprocess.Popen[bytes] | None = None
        self.agents: dict[str, subprocess.Popen[bytes]] = {}
        self.api: Api | None = None

    async def prepare(self) -> None:
        self.postgres.start()
        self.owner = self.postgres.ensure_database("vectorflow")
        migrate(self.owner, self.state)
        LocalKeyFile(self.state).create()
        self.info: dict[str, Any] = load_info(self.folder / "demo.json")
        await seed(Settings(database_url=self.owner, state_dir=self.state), self.info)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VECTORFLOW_", "PYTEST"))}
        return kept | {k: str(v) for k, v in self.ports.items()} | more | {
            "VECTORFLOW_STATE_DIR": str(self.state),
            "VECTORFLOW_DATABASE_URL": self.owner,
            "VECTORFLOW_HEARTBEAT_SECONDS": "1",
        }  # fmt: skip

    def start_server(self) -> Api:
        self.server = self._process("server", ["vectorflow", "serve"], self.environment())
        url = f"http://127.0.0.1:{self.ports['VECTORFLOW_PORT']}"
        ready = f"{url}/api/health/ready"
        wait_until(lambda: httpx2.get(ready).is_success, seconds=90, what="the server is ready")
        self.api = Api(self.info | {"url": url})
        return self.api

    def stop_server(self) -> None:
        if self.api is not None:
            self.api.close()
            self.api = None
        if self.server is not None:
            self.server.terminate()
            self.server.wait(timeout=60)

    def start_agent(self, name: str) -> None:
        assert self.api is not None
        token = self.api.post(
            f"{self.api.base}/enrolment-tokens", {"name": name, "expires_in_seconds": 3600, "max_uses": 1}
        )["token"]
        file = self.folder / f"{name}.token"
        file.write_text(token)
        environment = {
            "VECTORFLOW_URL": f"http://127.0.0.1:{self.ports['VECTORFLOW_GATEWAY_PORT']}",
            "VECTORFLOW_ENROLMENT_TOKEN_FILE": str(file),
            "VECTORFLOW_AGENT_STATE_DIR": str(self.folder / name),
            "VECTORFLOW_STOP_ENGINES": "1",
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("VECTORFLOW_", "PYTEST"))}
        self.agents[name] = self._process(name, ["vectorflow-agent", "run"], kept | environment)
        wait_until(lambda: self.node(name), seconds=40, what=f"{name} reports")

    def node(self, name: str) -> Any:
        """The node id that an agent goes by, when it is running something."""
        file = self.folder / name / "node.json"
        return json.loads(file.read_text())["node_id"] if file.exists() else None

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def engines(self, name: str) -> list[int]:
        words = ("vectorflow-engine", str(self.folder / name))
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if all(word in line for word in words):
                found.append(process.pid)
        return sorted(found)

    def command(self, *words: str, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [str(PROGRAMS / "vectorflow"), *words],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def set_back(self, hours: int) -> None:
        """Make everything in the database older, but for what is hashed with its time."""
        with psycopg.connect(self.owner) as connection:
            columns = connection.execute(
                "select table_name, column_name from information_schema.columns c where table_schema = 'public' "
                "and data_type = 'timestamp with time zone' and is_updatable = 'YES' and is_generated = 'NEVER' "
                "and exists (select 1 from pg_class k where k.relname = table_name and k.relkind = 'r' "
                "and not k.relispartition)"
            ).fetchall()
            assert len(columns) > 20
            for table, column in columns:
                if table in HASHED or table == "sessions":
                    continue
                names = {"t": sql.Identifier(table), "c": sql.Identifier(column)}
                connection.execute(sql.SQL("alter table {t} disable trigger user").format(**names))
                text = "update {t} set {c} = {c} - make_interval(hours => %s)"
                connection.execute(sql.SQL(text).format(**names), [hours])
                connection.execute(sql.SQL("alter table {t} enable trigger user").format(**names))

    def end(self) -> None:
        self.stop_server()
        for agent in self.agents.values():
            if agent.poll() is None:
                agent.terminate()
                agent.wait(timeout=60)
        self.postgres.stop()

    def _process(self, name: str, words: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [str(PROGRAMS / words[0]), *words[1:]]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=self.folder)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    try:
        yield made
    finally:
        made.end()


def _change(api: Api, pipeline: str, folder: Path, interval: float) -> None:
    """Draw the pipeline anew, so that the next rollout is of another revision."""
    current = api.raw("GET", f"{api.base}/pipelines/{pipeline}")
    body = {"name": "Kept", "description": "", "document": _pipeline(folder, interval)}
    api.call(
        "PUT", f"{api.base}/pipelines/{pipeline}", headers={"If-Match": current.headers["etag"]}, json=body
    )


def _pipeline(folder: Path, interval: float) -> dict[str, Any]:
    options = {"format": "json", "interval": interval}
    target = {"path": str(folder / "out.jsonl"), "encoding": {"codec": "json"}}
    return document(
        [component("made", "source", "demo_logs", **options), component("out", "sink", "file", **target)],
        [("made", "_default", "out")],
    )


@pytest.mark.timeout(400)
async def test_a_backup_of_yesterday_under_live_agents(installation: Installation, tmp_path: Path) -> None:
    await installation.prepare()
    api = installation.start_server()
    for name in ("first", "second", "revoked"):
        installation.start_agent(name)
    pipeline = create(api, "Kept", _pipeline(tmp_path, 0.2))
    deploy(api, pipeline, batch_size=9, seconds=90)
    key = tmp_path / "backup.key"
    public = installation.command("backup", "key", str(key)).stdout.strip()
    installation.set_back(25)
    installation.command("backup", VECTORFLOW_BACKUP_RECIPIENTS=public)
    (file,) = (installation.state / "backups").glob("*.age")
    assert "whole" in installation.command("backup", "verify", str(file), "--key", str(key)).stdout

    # A day goes by: a node is revoked, another enrols, the running pipeline is deployed anew.
    revoked = installation.node("revoked")
    node = api.raw("GET", f"{api.base}/nodes/{revoked}")
    api.call("DELETE", f"{api.base}/nodes/{revoked}", headers={"If-Match": node.headers.get("etag", "*")})
    installation.start_agent("late")
    _change(api, pipeline, tmp_path, 0.3)
    deploy(api, pipeline, batch_size=9, seconds=90)
    journal = installation.state / "revocations"
    wait_until(
        lambda: any(revoked in each.read_text() for each in journal.glob("*.ndjson")),
        seconds=40,
        what="the journal outside the database knows of the revocation",
    )
    running = {name: installation.engines(name) for name in ("first", "second", "late")}
    assert all(running.values()), running

    busy = installation.command("restore", str(file), "--key", str(key), "--replace", check=False)
    assert busy.returncode == 1
    assert "in use" in busy.stderr
    installation.stop_server()
    told = installation.command("restore", str(file), "--key", str(key), "--replace").stdout
    assert "revocations made since were applied again" in told
    api = installation.start_server()

    # Nobody refuses the next bundle: the restored state, and a rollout after it.
    _change(api, pipeline, tmp_path, 0.4)
    final = deploy(api, pipeline, batch_size=9, seconds=90)
    states = {each["id"]: each["state"] for each in rolled(api, final)}
    assert states == {installation.node("first"): "applied", installation.node("second"): "applied"}
    for name in ("first", "second"):
        assert installation.agents[name].poll() is None
        assert "refused" not in installation.log(name), installation.log(name)
        assert installation.engines(name)
    # What was revoked stays revoked, and it goes on with what it runs, as ever.
    assert "is not accepted" in installation.log("revoked")
    again = api.get(f"{api.base}/nodes/{revoked}")
    assert again["status"] == "revoked"
    # The node that enrolled since is unknown; it runs on, and comes back with a new token.
    wait_until(
        lambda: "is not accepted" in installation.log("late"), seconds=40, what="the late node is told"
    )
    assert installation.engines("late") == running["late"]
    before = installation.node("late")
    token = api.post(f"{api.base}/enrolment-tokens", {"name": "b", "expires_in_seconds": 600, "max_uses": 1})
    (tmp_path / "late.token").write_text(token["token"])
    wait_until(lambda: installation.node("late") != before, seconds=90, what="the late node enrols again")
    audit = installation.command("audit", "verify", "--database").stdout
    assert "BROKEN" not in audit
    assert audit.count("the chain holds") >= 3
    _the_organisation_as_a_whole(installation, api, tmp_path)


def _the_organisation_as_a_whole(installation: Installation, api: Api, folder: Path) -> None:
    """`vectorflow org`, on the same installation, because starting one takes long."""
    slug = installation.info["organization"]
    assert f"{slug}  " in installation.command("org", "list").stdout
    installation.command("org", "suspend", slug, "--reason", "a test")
    assert api.raw("PUT", f"{api.organization}/settings", json={"name": "x"}).status_code == 423
    assert api.get(api.organization)["suspended_reason"] == "a test"
    assert "suspended" in installation.command("org", "list").stdout
    assert "goes on" in installation.command("org", "resume", slug).stdout
    file = folder / "export.tar.gz"
    installation.command("org", "export", slug, "--to", str(file))
    told = installation.command("org", "verify", str(file)).stdout
    assert "genuine" in told
    fingerprint = told.partition("root key ")[2].partition(".")[0]
    installation.command("org", "verify", str(file), "--fingerprint", fingerprint)
    assert (
        installation.command("org", "verify", str(file), "--fingerprint", "0" * 64, check=False).returncode
        == 1
    )
    assert "erased in" in installation.command("org", "delete", slug, "--confirm", slug).stdout
    assert "stays" in installation.command("org", "delete", slug, "--cancel").stdout
