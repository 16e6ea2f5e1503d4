"""The page of templates and snippets in the documentation is the one that their data makes."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_the_page_is_up_to_date():
    tool = ROOT / "docs/_tools/templates.py"
    done = subprocess.run([sys.executable, str(tool), "--check"], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"run docs/_tools/templates.py; stale: {done.stdout}{done.stderr}"
