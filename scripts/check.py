"""Everything that CI runs: several parts at a time, each with its whole output at its end, and what took how long.

Parts of a stage run beside each other, stages after each other; a part that fails stops none of the others. Parts are
chosen so that what waits (tests of processes) stands beside what computes (the web application's tests, the types).
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
ALWAYS = 60.0  # seconds between two signs of life


class Part(NamedTuple):
    """Commands of one name, run after each other; one that fails stops none of the others."""

    name: str
    commands: tuple[tuple[str, ...], ...]


class Result(NamedTuple):
    """How a part ended."""

    name: str
    code: int
    seconds: float


def make(*targets: str) -> tuple[tuple[str, ...], ...]:
    """Return a command for each of the Makefile's targets."""
    program = os.environ.get("MAKE", "make")
    return tuple((program, "--no-print-directory", "-s", target) for target in targets)


STAGES: tuple[tuple[Part, ...], ...] = (
    (
        Part("Python tests", make("test-python")),
        Part("web application, lint and documentation", make("web", "browser", "lint", "docs", "test-web")),
    ),
    (Part("whole-product tests", make("test-e2e")),),
)


class Run:
    """One run of stages; what several parts say is never mixed."""

    def __init__(self) -> None:
        self._speaking = threading.Lock()
        self._under_way: dict[str, float] = {}
        self.results: list[Result] = []

    def stage(self, parts: Sequence[Part]) -> None:
        """Run parts beside each other and wait for all of them."""
        threads = [threading.Thread(target=self._part, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(ALWAYS)
                if thread.is_alive():
                    self._say(*(f"... {name}: {time.monotonic() - at:.0f} s" for name, at in self._now()))

    def _part(self, part: Part) -> None:
        began = self._under_way[part.name] = time.monotonic()
        self._say(f">>> {part.name}: begun")
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            code = 0
            for command in part.commands:
                done = subprocess.run(
                    command, cwd=ROOT, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False
                )
                code = code or done.returncode
            seconds = time.monotonic() - began
            del self._under_way[part.name]
            output.seek(0)
            self._say(
                f"=== {part.name}", output.read().rstrip("\n"), f"=== {_words(part.name, code, seconds)}"
            )
        self.results.append(Result(part.name, code, seconds))

    def _now(self) -> list[tuple[str, float]]:
        return list(self._under_way.items())

    def _say(self, *lines: str) -> None:
        with self._speaking:
            print(*lines, sep="\n", flush=True)


def run(stages: Sequence[Sequence[Part]]) -> int:
    """Run all stages and say at the end what took how long; return 0 when every part did well."""
    began, made = time.monotonic(), Run()
    for parts in stages:
        made.stage(parts)
    print("", *(_words(*each) for each in made.results), sep="\n")
    print(f"{(time.monotonic() - began) / 60:.1f} minutes in all", flush=True)
    begun = sum(len(parts) for parts in stages)
    return int(any(each.code for each in made.results) or len(made.results) < begun)


def _words(name: str, code: int, seconds: float) -> str:
    return f"{name}: {f'FAILED ({code})' if code else 'fine'} in {seconds:.0f} s"


if __name__ == "__main__":
    sys.exit(run(STAGES))
