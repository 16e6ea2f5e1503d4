"""The agent, but it kills itself with SIGKILL at one moment: `dying_agent.py MOMENT run …`.

The moments are those of a take-over, and of the end of an engine: `noted`, just before the signal, and `sent`, after it.
"""

import os
import signal
import sys

from vectorflow_agent.adopt import taking
from vectorflow_agent.cli import main
from vectorflow_agent.shell.processes import Process

MOMENT = sys.argv.pop(1)
BEFORE = {"old-gone": "stopped", "healthy": "taken", "old-back": "returned"}
AFTER = {"stopping": "stopping", "stopped": "stopped", "taken": "taken", "returned": "returned"}
write = taking.journal_write
send = Process.signal


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


def sent(self, number):
    if number != signal.SIGTERM or MOMENT == "sent":
        send(self, number)
    if number == signal.SIGTERM:
        die()


taking.journal_write = written
if MOMENT in {"noted", "sent"}:
    Process.signal = sent
if MOMENT == "waiting":
    taking.Adopting._link = lambda *_: die()
if MOMENT == "returning":
    taking.Adopting._return = dying
main(sys.argv[1:])
