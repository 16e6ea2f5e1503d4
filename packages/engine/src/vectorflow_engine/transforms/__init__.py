"""What changes events on their way: one module per family of transform types.

Transforms are pure and synchronous: a list of events in, events by port out.
"""
