"""Telling stories to `core.supervise`: events in, commands out in short words."""

from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    Desired,
    Exited,
    Failed,
    Healthy,
    Prepare,
    Prepared,
    Reload,
    Save,
    Start,
    State,
    Stop,
    Tell,
    Wake,
)
from vectorflow_wire.bundles import BundlePipeline


def spec(number=1, **fields):
    defaults = {"name": "p", "state": "run", "revision": f"r{number}", "drain_seconds": 9.0}
    return BundlePipeline(**(defaults | fields), id="p", number=number)


def failed(instance, at=0.0, **fields):
    return Failed(**({"reason": "exited", "message": "why"} | fields), instance=instance, at=at)


def exited(instance, at=0.0):
    return Exited(instance=instance, at=at, reason="exited", message="gone")


def word(command):
    """A command in one short word, so that a story reads as a list."""
    match command:
        case Prepare():
            return f"prepare r{command.spec.number}{'' if command.check else ' again'}"
        case Start():
            return f"start {command.instance}"
        case Reload():
            return f"reload {command.live} as {command.instance}"
        case Stop():
            return f"stop {command.instance}"
        case Wake():
            return f"wake {command.seconds:g}"
        case Save():
            return f"save {'stopped' if command.stopped else f'r{command.applied.number} on {command.live}'}"
        case Tell():
            return f"tell {command.kind} r{command.spec.number}"


def follow(events, state=None):
    """Feed events; give the final state and what was commanded at each."""
    state = state or State(pipeline="p")
    commanded = []
    for event in events:
        state, commands = step(state, event)
        commanded.append([word(command) for command in commands])
    return state, commanded


FIRST = [Desired(spec()), Prepared(1), Healthy(1, 10.0)]


def up():
    return follow(FIRST)[0]
