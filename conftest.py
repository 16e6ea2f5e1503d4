"""One directory for each test run, shared by its processes, with whatever was started in it ended at the end."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from vectorflow.platform.embedded import EmbeddedPostgres

RUN_DIRECTORY = "VECTORFLOW_TEST_RUN"
_mine: list[Path] = []

# How long an example takes says how busy the machine is. Tests that hold a time limit measure processor time.
settings.register_profile("vectorflow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vectorflow")


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's directory in the controlling process, before test processes are made."""
    if not hasattr(config, "workerinput") and RUN_DIRECTORY not in os.environ:
        _mine.append(Path(tempfile.mkdtemp(prefix="vectorflow-test-")))
        os.environ[RUN_DIRECTORY] = str(_mine[-1])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the run's PostgreSQL, if a test started one, and remove the directory."""
    while _mine:
        directory = _mine.pop()
        if (directory / "postgres").exists():
            EmbeddedPostgres(directory / "postgres").end_leftover()
        shutil.rmtree(directory, ignore_errors=True)
        del os.environ[RUN_DIRECTORY]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their parameter: compressed ones hold the time, and two workers must call a test the same."""
    return argname if isinstance(val, bytes) else None
