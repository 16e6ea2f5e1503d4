"""`make test` runs parts beside each other: none hides another's failure, and no two outputs mix."""

import sys

import pytest
from scripts.check import STAGES, Part, run


def part(name: str, *programs: str) -> Part:
    return Part(name, tuple((sys.executable, "-c", program) for program in programs))


SLOWLY = "import time\nfor n in range(3):\n    print('{0}', n, flush=True)\n    time.sleep(0.2)"


def test_outputs_come_whole_and_one_failure_is_enough(capsys) -> None:
    bad = part("bad", "print('before')", "raise SystemExit(3)", "print('the next one all the same')")
    code = run(
        [[part("left", SLOWLY.format("l")), part("right", SLOWLY.format("r"))], [bad], [part("last", "")]]
    )
    said = capsys.readouterr().out
    assert code == 1
    for letter in "lr":
        assert f"{letter} 0\n{letter} 1\n{letter} 2\n" in said
    assert "before\nthe next one all the same" in said
    end = said.rpartition("\n\n")[2].splitlines()
    assert [line.partition(" in ")[0] for line in end[:-1]][-2:] == ["bad: FAILED (3)", "last: fine"]
    assert sorted(line.partition(":")[0] for line in end[:2]) == ["left", "right"]


def test_all_fine_is_zero(capsys) -> None:
    assert run([[part("one", ""), part("two", "")]]) == 0
    assert "minutes in all" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_cannot_even_be_begun_is_no_success() -> None:
    assert run([[Part("none", (("/nowhere/at-all",),))]]) == 1


def test_every_part_of_the_whole_is_there() -> None:
    targets = {command[-1] for stage in STAGES for each in stage for command in each.commands}
    assert targets == {"web", "browser", "test-python", "lint", "docs", "test-web", "test-e2e"}
