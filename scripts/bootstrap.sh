#!/bin/sh
# Makes the project's own Python environment from the lock file; asks the system for as little as possible.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "VectorFlow needs Python 3.11 or newer. Install it, or name it: make PYTHON=/path/to/python3.12" >&2
    exit 1
}
if [ ! -x .venv/bin/python ]; then
    if ! "$python" -m venv .venv 2>/dev/null; then
        rm -rf .venv
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv
            "$python" -m venv .venv
        else
            echo "Python's venv module is missing. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2
            exit 1
        fi
    fi
fi
[ "$(.venv/bin/uv --version 2>/dev/null | cut -d' ' -f2)" = "$UV_VERSION" ] ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
.venv/bin/uv pip sync --quiet --require-hashes requirements.lock
set --
for package in topology wire engine agent server; do set -- "$@" -e "packages/$package"; done
.venv/bin/uv pip install --quiet --no-deps "$@"
touch .venv/.ready
