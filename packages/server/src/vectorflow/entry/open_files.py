"""Open files: each agent holds two of its gateway, a stream and the connection of its calls."""

import contextlib
import resource

import structlog

log = structlog.get_logger()

_FEW = 4096
_NO_LIMIT = 1_048_576  # more than any gateway has use for, where the machine names no number


def allow_open_files() -> int:
    """Let this process open as many files as the machine allows it; return how many that is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _NO_LIMIT if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # what the process has is kept
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def warn_of_few_open_files() -> None:
    """Say in the log how many agents the limit of open files leaves room for, where those are few."""
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if allowed != resource.RLIM_INFINITY and allowed < _FEW:
        log.warning(
            "gateway.few-open-files",
            allowed=allowed,
            message=f"There is room for some {allowed // 2} agents; raise the limit (LimitNOFILE of systemd, ulimit -Hn).",
        )
