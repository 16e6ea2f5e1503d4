"""Runs every benchmark of this directory, or the ones named, and prints their tables.

``make bench`` runs all; ``.venv/bin/python bench/run.py engine topology`` runs two.
"""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run the benchmarks one after another; the exit code tells whether all of them ran."""
    available = sorted(
        path.stem for path in HERE.glob("*.py") if path.stem != "run" and not path.stem.startswith("_")
    )
    wanted = sys.argv[1:] or available
    unknown = set(wanted) - set(available)
    if unknown:
        print(
            f"No such benchmark: {', '.join(sorted(unknown))}. There are: {', '.join(available)}",
            file=sys.stderr,
        )
        return 2
    failed = []
    for name in wanted:
        print(f"== {name}", flush=True)
        # One of them uses the agent's tests, which stand in the tree and in no package.
        environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
        command = [sys.executable, str(HERE / f"{name}.py")]
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(name)
    if failed:
        print(f"did not run to the end: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
