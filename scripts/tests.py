"""Run pytest; where a few tests fail beside others, their modules run once more, alone, and they are told as flaky if
they pass then. Whole modules, because tests of one module may share a product that an earlier one has set up.

    python scripts/tests.py packages -n 2 --dist loadfile

What shows that organisations stay apart has no second chance: a leak that comes once is a leak.
"""

import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

MOST_AGAIN = 3
LINES = 40  # of what a failed test said, for each
NEVER_AGAIN = ("packages/server/tests/isolation/", "packages/server/tests/test_isolation.py")
_TESTS_FAILED = 1


def main(arguments: list[str]) -> int:
    """Return pytest's exit code, 0 also when everything that failed passed alone."""
    with tempfile.TemporaryDirectory(prefix="vectorflow-tests-") as folder:
        pytest = [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}"]
        report = Path(folder) / "report.xml"
        code = subprocess.run([*pytest, *arguments, f"--junitxml={report}"], check=False).returncode
        if code != _TESTS_FAILED:
            return code
        failed = _failed(Path(folder))
        if not 0 < len(failed) <= MOST_AGAIN or any(each.startswith(NEVER_AGAIN) for each in failed):
            return code
        print(
            f"\n{len(failed)} failed beside others; their modules once more, alone:",
            *failed,
            sep="\n  ",
            flush=True,
        )
        modules = dict.fromkeys(each.partition("::")[0] for each in failed)
        code = subprocess.run([*pytest, *modules, *_chosen(arguments)], check=False).returncode
        if code == 0:
            print("\nFLAKY, mend them: these failed beside others and passed alone:", *failed, sep="\n  ")
        print("\nThe first time they failed with:", *_why(report), sep="\n", flush=True)
        return code


def _failed(cache: Path) -> list[str]:
    found = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(found.read_text())) if found.exists() else []


def _chosen(arguments: list[str]) -> list[str]:
    """The marker by which the tests were chosen."""
    at = arguments.index("-m") if "-m" in arguments else len(arguments)
    return arguments[at : at + 2]


def _why(report: Path) -> list[str]:
    """The end of what each failed test said, here once more, since whoever reads a log begins at its end."""
    said = []
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314  pytest wrote it just now
        for problem in (*case.iter("failure"), *case.iter("error")):
            last = (problem.text or "").rstrip().splitlines()[-LINES:]
            said += [f"--- {case.get('classname')} {case.get('name')}", *last]
    return said


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
