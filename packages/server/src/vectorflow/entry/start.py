"""The `vectorflow` command: what works on files alone starts without the server's modules, in a sixth of the time."""

import importlib
import sys

from vectorflow.entry.files.__main__ import app
from vectorflow.kernel.errors import VectorFlowError

ON_FILES = frozenset(each.name for each in app.registered_commands)


def main() -> None:
    """Run the command line."""
    if ON_FILES.isdisjoint(sys.argv[1:2]):
        importlib.import_module("vectorflow.entry.cli").main()
        return
    try:
        app(prog_name="vectorflow")
    except VectorFlowError as error:
        sys.exit(f"vectorflow: {error}")
