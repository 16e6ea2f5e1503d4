"""What is wrong with a document, or odd about it, before any node sees it.

What lives here compares a document with the catalogue, walks its graph and hands its programs to a
VRL compiler if there is one. Nothing is changed and nothing is run.
"""

from vectorflow_topology.checks.resources import clashes
from vectorflow_topology.checks.run import check

__all__ = ["check", "clashes"]
