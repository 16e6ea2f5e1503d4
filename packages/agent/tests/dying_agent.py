"""The agent, but it kills itself with SIGKILL at one moment of a take-over: `dying_agent.py MOMENT run …`."""

import os
import signal
import sys

from vectorflow_agent.adopt import taking
from vectorflow_agent.cli import main

MOMENT = sys.argv.pop(1)
BEFORE = {"old-gone": "stopped", "healthy": "taken", "old-back": "returned"}
AFTER = {"stopping": "stopping", "stopped": "stopped", "taken": "taken", "returned": "returned"}
write = taking.journal_write


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def written(state, record):
    if BEFORE.get(MOMENT) == record.step:
        die()
    write(state, record)
    if AFTER.get(MOMENT) == record.step:
        die()


def dying(_self, record, *_):
    if record.step == MOMENT:
        die()


taking.journal_write = written
if MOMENT == "waiting":
    taking.Adopting._link = lambda *_: die()
if MOMENT == "returning":
    taking.Adopting._return = dying
main(sys.argv[1:])
