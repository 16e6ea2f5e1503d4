import errno

import pytest

from vectorflow_agent.core.failures import clean_lines, exit_words, reason_of, reason_of_error
from vectorflow_wire.messages import ReportReason


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        ("error binding: Address already in use (os error 98)", 78, ReportReason.PORT_IN_USE),
        ("OSError: [Errno 28] No space left on device", 1, ReportReason.DISK_FULL),
        ("could not open: Permission denied (os error 13)", 78, ReportReason.PERMISSION_DENIED),
        ("unknown field", 78, ReportReason.CONFIG_INVALID),
        ("os error 980", 1, ReportReason.EXITED),
        ("", -9, ReportReason.KILLED),
        ("", None, ReportReason.EXITED),
    ],
)
def test_reasons(line, code, reason):
    assert reason_of([line], code) == reason


def test_system_errors():
    assert reason_of_error(OSError(errno.ENOSPC, "x")) == ReportReason.DISK_FULL
    assert reason_of_error(PermissionError(errno.EACCES, "x")) == ReportReason.PERMISSION_DENIED
    assert reason_of_error(OSError("x")) == ReportReason.NOT_HEALTHY


def test_exit_words():
    assert exit_words(0) == "the engine ended by itself with exit code 0"
    assert exit_words(-9) == "the engine was killed by SIGKILL"
    assert "unknown" in exit_words(None)


def test_lines_are_clean_bounded_and_without_secrets():
    text = "\x1b[31mred\x1b[0m\r\n\x00bell\x07\nkey=canary longcanary\n\n" + "x" * 900
    lines = clean_lines(text, ["canary", "longcanary", "red"])
    assert lines == ("red", " bell", "key=[secret] [secret]", "x" * 500)
    assert len(clean_lines("a\n" * 100)) == 20
