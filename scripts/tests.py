"""Run pytest; a few tests that fail beside others are run once more, alone, and told as flaky when they pass then.

    python scripts/tests.py packages -n 2 --dist loadfile

What shows that organisations stay apart has no second chance: a leak that comes once is a leak.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_AGAIN = 3
NEVER_AGAIN = ("packages/server/tests/isolation/", "packages/server/tests/test_isolation.py")
_TESTS_FAILED = 1


def main(arguments: list[str]) -> int:
    """Return pytest's exit code, 0 also when everything that failed passed alone."""
    with tempfile.TemporaryDirectory(prefix="vectorflow-tests-") as folder:
        pytest = [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}"]
        code = subprocess.run([*pytest, *arguments], check=False).returncode
        if code != _TESTS_FAILED:
            return code
        failed = _failed(Path(folder))
        if not 0 < len(failed) <= MOST_AGAIN or any(each.startswith(NEVER_AGAIN) for each in failed):
            return code
        print(f"\n{len(failed)} failed beside others; once more, alone:", *failed, sep="\n  ", flush=True)
        code = subprocess.run([*pytest, *failed], check=False).returncode
        if code == 0:
            print("\nFLAKY, mend them: these failed beside others and passed alone:", *failed, sep="\n  ")
        return code


def _failed(cache: Path) -> list[str]:
    found = cache / "v" / "cache" / "lastfailed"
    return sorted(json.loads(found.read_text())) if found.exists() else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
