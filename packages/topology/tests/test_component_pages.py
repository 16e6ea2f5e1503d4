"""The reference of components is what its generator writes, and names every component."""

import subprocess
import sys
from pathlib import Path

import pytest

from vectorflow_topology.catalogue import catalogue

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "docs/_tools/components.py"
pytestmark = pytest.mark.skipif(not TOOL.exists(), reason="only in a checkout with the documentation")


def test_the_pages_are_as_written_by_their_tool():
    done = subprocess.run(
        [sys.executable, TOOL, "--check"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"run docs/_tools/components.py; stale: {done.stdout}{done.stderr}"


def test_every_component_has_a_heading():
    for kind in ("source", "transform", "sink"):
        lines = (ROOT / f"docs/reference/components/{kind}s.md").read_text().splitlines()
        headings = {line.removeprefix("## ") for line in lines if line.startswith("## ")}
        assert headings == {spec.type for spec in catalogue().components if spec.kind == kind}
