"""The process that runs unit tests for servers: limited, without environment, made to be killed.

It reads one JSON configuration from standard input and writes the results to standard output.
"""

import signal
import sys

import msgspec

from vectorflow_engine.testing.run import run_tests
from vectorflow_engine.testing.types import TestResult
from vectorflow_engine.vrl.worker import limit

_WARM = {
    "transforms": {"warm": {"type": "remap", "inputs": ["in"], "source": '.ok, .error = parse_json("{")'}},
    "tests": [
        {
            "name": "warm",
            "inputs": [{"insert_at": "warm", "value": "x"}],
            "outputs": [{"extract_from": "warm", "conditions": ["assert!(false)"]}],
        }
    ],
}


def main() -> None:
    """Entry of ``python -m vectorflow_engine.testing.worker MEMORY_BYTES SECONDS``."""
    memory_bytes, seconds = int(sys.argv[1]), float(sys.argv[2])
    # What is imported late would find no descriptor to read from.
    msgspec.json.encode(run_tests(_WARM, service=True))
    limit(memory_bytes, sealed=True)
    # Without a handler the alarm ends the process, also in the middle of the compiler.
    signal.setitimer(signal.ITIMER_REAL, seconds)
    config = msgspec.json.decode(sys.stdin.buffer.read())
    results: list[TestResult] = run_tests(config, service=True)
    sys.stdout.buffer.write(msgspec.json.encode(results))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
