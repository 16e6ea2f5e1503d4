"""`entry.open_files`: a process takes as many files as it is allowed, and says when that is few for a gateway."""

import resource

import pytest
from structlog.testing import capture_logs

from vectorflow.entry.open_files import allow_open_files, warn_of_few_open_files


@pytest.fixture
def limits():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield lambda soft: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_soft_limit_is_raised_to_the_hard_one(limits) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    limits(1024)
    assert allow_open_files() > 1024
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard
    assert allow_open_files() == resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_few_open_files_are_told_with_what_to_do(limits) -> None:
    limits(1024)
    with capture_logs() as logs:
        warn_of_few_open_files()
    (line,) = logs
    assert (line["event"], line["allowed"]) == ("gateway.few-open-files", 1024)
    assert "512 agents" in line["message"]
    assert "LimitNOFILE" in line["message"]


def test_enough_open_files_are_not_spoken_of(limits) -> None:
    limits(4096)
    with capture_logs() as logs:
        warn_of_few_open_files()
    assert logs == []
