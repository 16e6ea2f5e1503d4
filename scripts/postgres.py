"""A plain dump of the embedded database, as a thief of the disk would make it."""

import subprocess
from pathlib import Path

from vectorflow.platform.embedded import binaries


def dump(state: Path) -> bytes:
    """Return everything that the running embedded PostgreSQL of a state directory holds, as SQL."""
    directory = state / "postgres"
    port = (directory / "port").read_text()
    result = subprocess.run(
        [
            str(binaries() / "pg_dump"),
            "--host=127.0.0.1",
            f"--port={port}",
            "--username=postgres",
            "--dbname=vectorflow",
            "--inserts",
        ],
        env={"PGPASSWORD": (directory / "superuser").read_text(), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    return result.stdout
