"""Finds a Chromium for the browser tests and prints its path; installs one where there is none.

Order: ``VECTORFLOW_BROWSER``, the system's own, Playwright's download, Debian's package (as root).
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def installed() -> str | None:
    """Return a browser that is already on the machine."""
    configured = os.environ.get("VECTORFLOW_BROWSER")
    if configured:
        return configured
    for name in NAMES:
        found = shutil.which(name)
        if found:
            return found
    if MAC.exists():
        return str(MAC)
    cached = sorted(Path.home().glob(".cache/ms-playwright/chromium-*/chrome-linux*/chrome"))
    return str(cached[-1]) if cached else None


def install() -> None:
    """Install a browser through Playwright, else Debian's package."""
    try:
        download = subprocess.run(
            [sys.executable, "-m", "playwright", "install", "chromium"],
            check=False,
            capture_output=True,
            timeout=180,
        )
        downloaded = download.returncode == 0
    except subprocess.TimeoutExpired:
        downloaded = False
    if downloaded or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    subprocess.run(["apt-get", "update", "-qq"], check=True, stdout=sys.stderr)
    subprocess.run(
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"],
        check=True,
        stdout=sys.stderr,
    )


def main() -> int:
    """Print the path, or say what to do."""
    if installed() is None:
        install()
    found = installed()
    if found is None:
        print(
            "No browser found. Install Chromium or Chrome, or set VECTORFLOW_BROWSER to one.", file=sys.stderr
        )
        return 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
