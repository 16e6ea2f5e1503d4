#!/bin/sh
# Resolves all packages anew and writes requirements.lock: versions and hashes, no registry's address.
set -eu
cd "$(dirname "$0")/.."
.venv/bin/uv lock "$@"
.venv/bin/uv export --frozen --all-groups --all-packages --all-extras --no-emit-workspace \
    --no-annotate --no-header --format requirements-txt -o requirements.lock >/dev/null
echo "requirements.lock: $(grep -c '==' requirements.lock) packages"
