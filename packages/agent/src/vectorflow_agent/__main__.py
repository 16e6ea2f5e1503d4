"""Lets `python -m vectorflow_agent` be the command."""

from vectorflow_agent.cli import main

main()
