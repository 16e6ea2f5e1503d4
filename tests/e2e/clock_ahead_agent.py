"""The agent on a machine whose clock says an hour later than it is."""

import sys
import time

from vectorflow_agent.cli import main

AN_HOUR = 3_600_000_000_000
real = time.time_ns
time.time_ns = lambda: real() + AN_HOUR
sys.exit(main())
