"""The agent: runs beside Vector on every node, verifies, hands over, supervises, reports.

`core` decides and is pure; `shell` does processes, HTTP and disk; `cli` is the command. What the
agent and the gateway say to each other lives in `vectorflow_wire`. The agent never decides what a
pipeline means: it takes compiled configuration and the hand-over that the bundle names.
"""

__version__ = "0.1.0"
