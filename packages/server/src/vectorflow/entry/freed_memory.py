"""Freed memory: kept by the process that will want it again in a second."""

import contextlib
import ctypes

_KEPT_BYTES = 64 * 2**20  # several flushes of a gateway with 10,000 nodes
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_MOST_ON_THE_HEAP = 32 * 2**20  # the most that glibc allows


def keep_freed_memory() -> bool:
    """Let the C library keep some freed memory instead of giving it back; return whether it does (glibc alone).

    A gateway needs and frees tens of megabytes at each flush. Asked of the system anew each second, they come page
    by page while the event loop waits, and on a virtual machine whose host took the pages back that is 0.2 s.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        kept = bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))
        return bool(mallopt(_M_MMAP_THRESHOLD, _MOST_ON_THE_HEAP)) and kept
    return False
