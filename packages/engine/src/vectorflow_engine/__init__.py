"""A practical subset of Vector in Python, with real VRL inside.

Here live the runner of compiled configuration (sources, transforms, sinks, buffers, acknowledgements,
metrics, the ``vectorflow-engine`` command) and, in ``vrl``, the one home of VRL. What does not live here:
the meaning of a document (``vectorflow_topology``), delivery to nodes (``vectorflow_agent``). Production
runs Vector; this engine is for trying, testing and simulating, and says so.
"""

__version__ = "0.1.0"
