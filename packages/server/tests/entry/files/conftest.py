"""The real command as a process, and the same commands within this one for the many small cases."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from vectorflow.entry.files.__main__ import app

COMMAND = str(Path(sys.executable).parent / "vectorflow")

GOOD = """\
sources:
  in:
    type: demo_logs
    format: json
transforms:
  parse:
    type: remap
    inputs: [in]
    source: |
      . = parse_json!(.message)
sinks:
  out:
    type: console
    inputs: [parse]
    encoding: {codec: json}
"""
TOML = """\
# what comes in
[sources.in]
type = "stdin"

[transforms.parse]
type = "remap"
inputs = ["in"]
source = '''
.a = 1
.b = nope(.a)
'''

[sinks.out]
type = "console"
inputs = ["parse"]
encoding.codec = "jso"
"""


@pytest.fixture
def command(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the installed command in an empty folder, without an environment that could help it."""

    def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [COMMAND, *arguments],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process, in an empty folder; whatever it raises is raised here."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, given: str | bytes = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=given, catch_exceptions=False)

    return run
