"""Where events come from: one module per source type, each with its options beside it.

What all sources share (`Source`, `Options`) is in ``component``; which types exist is in ``catalogue``.
"""
