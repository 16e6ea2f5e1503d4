"""``python -m vectorflow_engine`` is the command."""

from vectorflow_engine.cli import main

main()
