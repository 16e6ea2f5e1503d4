"""Bounds of time that hold on a machine which does nothing else, and on a busy one in proportion."""

import os


def patience() -> float:
    """Return by how much more is asked of this machine just now than it has cores for; at least 1."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
