"""How long the list of a large fleet takes at the API: ``python bench/nodes.py [--nodes N]``.

A real API process on an embedded PostgreSQL, an environment of so many nodes with five pipelines each, their presence
and reports. Each page is asked for many times; the whole answer counts, as the web application's first page needs it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import psycopg
import uvloop
from simulated.house import House, Organization, free_port, settle
from simulated.measure import percentile

from vectorflow.entry.process import Process

EMAIL, PASSWORD = "reader@bench.test", "correct horse battery staple"
MOST_SECONDS = 0.1
TIMES = 40
PAGES = {
    "first page of 50": "/nodes?limit=50",
    "page of 200": "/nodes?limit=200",
    "found by name": "/nodes?limit=50&q=node-04321",
    "by status, few": "/nodes?limit=50&status=unreachable",
    "by status, none": "/nodes?limit=50&status=degraded",
    "by label": "/nodes?limit=50&selector=rack%3D7",
    "summary": "/nodes/summary",
}

FILL = """
insert into nodes (organization_id, id, environment_id, name, machine_id, hostname, identity_key, sealing_key, labels,
    agent_version, engine_kind, engine_version, wanted)
select %(org)s, gen_random_uuid(), %(env)s, format('node-%%s', lpad(i::text, 5, '0')), 'm' || i, 'host-' || i,
    sha256(i::text::bytea), sha256(i::text::bytea), jsonb_build_object('rack', (i %% 40)::text), '0.1.0', 'vector',
    '0.57.0', 1000
from generate_series(1, %(nodes)s) as i;
"""
FILL_MORE = """
insert into node_presence (organization_id, node_id, environment_id, heartbeat_seconds, last_seen_at, generation, issue,
    running, received_rate, sent_rate, errors_rate)
select organization_id, id, environment_id, 15,
    case when right(name, 3) = '001' then now() - interval '1 hour' else now() + interval '1 hour' end, 1000, 1,
    5, 10, 10, 0
from nodes where organization_id = %(org)s;
insert into bundles (organization_id, node_id, generation, issue, envelope, hashes, issued_at, half_life_at, expires_at)
select organization_id, id, 1000, 1, sha256(name::bytea), '{}', now(), now() + interval '1 day', now() + interval '2 days'
from nodes where organization_id = %(org)s;
insert into assignments (organization_id, node_id, pipeline_id, revision, desired, generation)
select n.organization_id, n.id, r.pipeline_id, r.number, 'run', 1000
from nodes n join revisions r on r.organization_id = n.organization_id where n.organization_id = %(org)s;
insert into reports (organization_id, node_id, sequence, kind, pipeline_id, number, generation, at, envelope)
select organization_id, node_id, row_number() over (partition by node_id), 'applied', pipeline_id, revision, 1000, now(),
    'x'
from assignments, generate_series(1, 3) where organization_id = %(org)s;
"""


async def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--nodes", type=int, default=5000)
    nodes = max(1, min(parser.parse_args().nodes, 50_000))
    with tempfile.TemporaryDirectory(prefix="vectorflow-bench-") as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as nobody when root starts it
        house = House(Path(folder))
        with house.standing():
            async with Process.running(house.settings) as process:
                (organization,) = await settle(process, 1, owner=(EMAIL, PASSWORD))
            fill(house, organization, nodes)
            print(f"{nodes:,} nodes of 5 pipelines, load {os.getloadavg()[0]:.1f}")
            return ask(house, organization)


def fill(house: House, organization: Organization, nodes: int) -> None:
    """Write the fleet as it stands after a while, with the statistics that autovacuum would have made."""
    values = {"org": organization.id, "env": organization.environment_id, "nodes": nodes}
    with psycopg.connect(str(house.settings.database_url), autocommit=True) as connection:
        connection.execute(FILL, values)
        for statement in FILL_MORE.split(";\n"):
            if statement.strip():
                connection.execute(statement, {"org": organization.id})  # type: ignore[call-overload]
        connection.execute("vacuum analyze")


def ask(house: House, organization: Organization) -> int:
    """Ask for each page as a signed-in person; the exit code tells whether all were quick enough."""
    port = free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("VECTORFLOW_")},
        "VECTORFLOW_DATABASE_URL": str(house.settings.database_url),
        "VECTORFLOW_STATE_DIR": str(house.directory),
        "VECTORFLOW_PORT": str(port),
        "VECTORFLOW_LOG_LEVEL": "warning",
        "VECTORFLOW_COOKIE_SECURE": "never",
    }
    house.pin(0)
    api = subprocess.Popen(
        [sys.executable, "-m", "vectorflow.entry.cli", "serve", "--role", "api"], env=environment
    )
    house.pin(-1)
    slow = False
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{port}/api", timeout=30) as http:
            until(http, api)
            http.post("/v1/session", json={"email": EMAIL, "password": PASSWORD}).raise_for_status()
            base = f"/v1/orgs/{organization.slug}/environments/dev"
            print(f"{'page':<24}{'middle':>10}{'p95':>10}   at most {MOST_SECONDS * 1000:.0f} ms")
            for name, path in PAGES.items():
                took: list[float] = []
                for _ in range(TIMES):
                    began = time.monotonic()
                    http.get(base + path).raise_for_status()
                    took.append(time.monotonic() - began)
                middle, late = percentile(took, 0.5), percentile(took, 0.95)
                slow |= middle > MOST_SECONDS
                print(
                    f"{name:<24}{middle * 1000:>7.1f} ms{late * 1000:>7.1f} ms   {'NO' if middle > MOST_SECONDS else 'yes'}"
                )
    finally:
        api.terminate()
        api.wait(timeout=30)
    return 1 if slow else 0


def until(http: httpx2.Client, api: subprocess.Popen[bytes]) -> None:
    """Wait for the API."""
    while True:
        try:
            if http.get("/health/ready").is_success:
                return
        except httpx2.HTTPError:
            if api.poll() is not None:
                raise
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(uvloop.run(main()))
