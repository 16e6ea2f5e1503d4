"""Where events go: one module per sink type, each with its options beside it.

Buffers, acknowledgements and counting of what came in are not here; the runner does them for all sinks.
"""
