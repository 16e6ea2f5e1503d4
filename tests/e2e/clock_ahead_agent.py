"""The agent on a machine on which an hour has passed: by the clock, and by the time since the boot."""

import sys
import time

from vectorflow_agent.cli import main

AN_HOUR = 3_600_000_000_000
clock, uptime = time.time_ns, time.clock_gettime_ns
time.time_ns = lambda: clock() + AN_HOUR
time.clock_gettime_ns = lambda which: uptime(which) + AN_HOUR
sys.exit(main())
