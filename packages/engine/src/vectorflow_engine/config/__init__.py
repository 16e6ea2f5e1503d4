"""From files to a checked graph: reading, secrets, merging, inputs and ports.

What a component's own options mean lives beside the component; this room only knows their shape.
"""
