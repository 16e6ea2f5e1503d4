"""The agent on a machine whose clock was set back by ten days."""

import sys
import time

from vectorflow_agent.cli import main

TEN_DAYS = 864_000_000_000_000
real = time.time_ns
time.time_ns = lambda: real() - TEN_DAYS
sys.exit(main())
