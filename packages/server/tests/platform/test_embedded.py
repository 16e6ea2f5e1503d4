"""The embedded PostgreSQL: committed data survives ``kill -9``, also through setpriv."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from vectorflow.platform import embedded
from vectorflow.platform.embedded import EmbeddedPostgres, EmbeddedPostgresFailed


def _survives_kill(directory: Path) -> None:
    cluster = EmbeddedPostgres(directory)
    cluster.start()
    try:
        url = cluster.ensure_database("kept")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("create table kept (n int)")
            connection.execute("insert into kept select generate_series(1, 1000)")
        assert cluster.process is not None
        cluster.process.kill()
        cluster.process.wait()
        cluster.start()
        with psycopg.connect(url) as connection:
            assert connection.execute("select count(*) from kept").fetchone() == (1000,)
    finally:
        cluster.stop()


def test_committed_rows_survive_kill(tmp_path: Path) -> None:
    _survives_kill(tmp_path / "postgres")
    assert (tmp_path / "postgres" / "superuser").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="needs root and setpriv")
def test_root_without_user_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_NAMESPACE", ["no-such-program"])
    _survives_kill(tmp_path / "postgres")


def test_a_leftover_server_is_ended_first(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    first.start()
    second = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    second.start()
    try:
        assert first.process is not None
        first.process.wait(timeout=10)
        psycopg.connect(second.url).close()
    finally:
        second.stop()


def _descendants(pid: int) -> list[int]:
    try:
        own = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return own + [each for child in own for each in _descendants(child)]


def _settled(pid: int) -> list[int]:
    """The processes below one, once none comes or goes: the connection that found it ready may be ending still."""
    before: list[int] = []
    while before != (now := _descendants(pid)):
        before = now
        time.sleep(0.5)
    return now


def _stopped(pid: int) -> bool:
    """Stop a process, which makes it slow to notice that its server is gone; False when it has ended."""
    try:
        os.kill(pid, signal.SIGSTOP)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
def test_processes_that_a_killed_server_left_are_waited_for(tmp_path: Path) -> None:
    cluster = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    cluster.start()
    assert cluster.process is not None
    left = [each for each in _settled(cluster.process.pid) if _stopped(each)]
    log = tmp_path / "postgres" / "postgres.log"
    try:
        for each in (cluster.process.pid, *left):
            if (Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")[1:2]) == [b"-D"]:
                os.kill(each, signal.SIGKILL)
        cluster.process.wait(timeout=10)
        with ThreadPoolExecutor(1) as pool:
            started = pool.submit(cluster.start)
            while "is still in use" not in log.read_text():
                assert not started.done()
                time.sleep(0.05)
            for each in left:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGCONT)
            started.result(timeout=60)
        psycopg.connect(cluster.url).close()
    finally:
        for each in left:
            with suppress(ProcessLookupError):
                os.kill(each, signal.SIGCONT)
        cluster.stop()


def test_missing_programs_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("VECTORFLOW_POSTGRES_BIN", raising=False)
    with pytest.raises(EmbeddedPostgresFailed, match="VECTORFLOW_DATABASE_URL"):
        EmbeddedPostgres(tmp_path / "postgres").start()
