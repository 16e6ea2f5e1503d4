"""What the agent decides: supervision and hand-over of one pipeline, counters, the node's policy.

Everything here is a function of its arguments: no process, no network, no disk, no clock, no
randomness. The shell feeds events in and carries commands out.
"""
