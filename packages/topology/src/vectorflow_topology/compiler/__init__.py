"""From a document to the exact bytes that a node runs: pure, deterministic, one line of text per setting.

What lives here resolves variables, marks secrets, bridges disabled components and writes YAML. What
belongs to a node (its data folder, its API, its secret backend) is not written here: the agent adds it.
"""

from vectorflow_topology.compiler.commented import commented
from vectorflow_topology.compiler.compile import compile_document, render
from vectorflow_topology.compiler.types import Compiled, CompileFailed, Rendered, Target

__all__ = ["CompileFailed", "Compiled", "Rendered", "Target", "commented", "compile_document", "render"]
