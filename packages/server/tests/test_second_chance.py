"""A test that fails beside others is run once more, alone; one that fails again, or is one of many, makes it red."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "tests.py"
ONCE = """
import pathlib
def test_{number}():
    seen = pathlib.Path(__file__).with_suffix(".{number}")
    first = not seen.exists()
    seen.touch()
    assert not first
"""
ALWAYS = "def test_always():\n    assert False\n"


@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("def test_fine():\n    pass\n", 0, "1 passed"),
        (ONCE.format(number=1), 0, "FLAKY, mend them"),
        (ALWAYS, 1, "once more, alone"),
        ("".join(ONCE.format(number=number) for number in range(4)), 1, "4 failed"),
    ],
    ids=["fine", "once", "always", "many"],
)
def test_a_second_chance(tmp_path: Path, source: str, code: int, said: str) -> None:
    (tmp_path / "test_sample.py").write_text(source)
    done = subprocess.run(
        [sys.executable, SCRIPT, "test_sample.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, said in done.stdout) == (code, True), done.stdout
    again = "once more, alone" in done.stdout
    # Why it failed stands at the end, behind what the second run says.
    why = done.stdout.partition("The first time they failed with:")[2]
    assert ("assert not first" in why or "assert False" in why) is again


def test_what_keeps_organisations_apart_has_none(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "server" / "tests" / "isolation"
    folder.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_sample.py").write_text(ONCE.format(number=1))
    done = subprocess.run(
        [sys.executable, SCRIPT, "packages"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "once more" in done.stdout) == (1, False), done.stdout
