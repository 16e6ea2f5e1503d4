"""`entry.freed_memory`: what a process frees and wants again is not asked of the system anew."""

import subprocess
import sys

import pytest

_AGAIN_AND_AGAIN = """
import resource
from vectorflow.entry.freed_memory import keep_freed_memory

{first}
faults = []
for _ in range(8):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    held = [b"x" * 2**20 for _ in range(30)]
    del held
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))
"""


def _faults(first: str) -> int:
    script = _AGAIN_AND_AGAIN.format(first=first)
    return int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone can be told so")
def test_thirty_megabytes_are_had_again_without_asking() -> None:
    assert _faults("assert keep_freed_memory()") < 100
    assert _faults("") > 1000  # the positive control
