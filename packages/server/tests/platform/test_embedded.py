"""The embedded PostgreSQL: committed data survives ``kill -9``, also through setpriv."""

import os
import shutil
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


def test_missing_programs_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv("VECTORFLOW_POSTGRES_BIN", raising=False)
    with pytest.raises(EmbeddedPostgresFailed, match="VECTORFLOW_DATABASE_URL"):
        EmbeddedPostgres(tmp_path / "postgres").start()
