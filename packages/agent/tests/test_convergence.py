"""`core.supervise` in a small world of processes: whoever is killed, and whenever, an order is carried out.

The world keeps what every engine really runs, so that a node that only believes to run its assignment fails.
"""

from itertools import product

import pytest
from packages.agent.tests.stories import exited, failed, spec

from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    Desired,
    Healthy,
    Phase,
    Prepared,
    Reload,
    Start,
    State,
    Stop,
    Woke,
    spec_key,
)


class World:
    """One pipeline, its engines, and an agent that is killed and started again."""

    def __init__(self):
        self.state = State(pipeline="p")
        self.at = 0.0
        self.runs = {}

    def take(self, event):
        self.at += 1.0
        self.state, commands = step(self.state, event)
        for command in commands:
            match command:
                case Start():
                    self.runs[command.instance] = spec_key(command.spec)
                case Reload():
                    # A signal is sent; from now on the engine may have it already.
                    self.runs[command.live] = spec_key(command.spec)
                case Stop() if command.instance != self.state.live:
                    self.runs.pop(command.instance, None)

    def follow(self, happens):
        """Go on by one step: an order, a kill, or what is under way."""
        if happens == "agent":
            happens = Desired(self.kill_agent())
        elif happens == "engine":
            happens = self.kill_engine() or self.next()
        elif happens == "on":
            happens = self.next()
        if happens is not None:
            self.take(happens)

    def next(self):
        """What happens next when all goes well; None when nothing is under way."""
        state = self.state
        match state.phase:
            case Phase.PREPARING:
                return Prepared(state.instance)
            case Phase.STARTING | Phase.RELOADING:
                return Healthy(state.instance, self.at)
            case Phase.DRAINING | Phase.STOPPING:
                return self.end(state.live)
            case Phase.BACKOFF:
                return Woke(state.timer, self.at)
        later = state.missing or (state.live is not None and state.cut_off == state.live)
        return Woke(state.timer, self.at) if later else None

    def end(self, instance):
        self.runs.pop(instance, None)
        return exited(instance, self.at)

    def kill_engine(self):
        """Somebody kills the engine that the present moment is about."""
        state = self.state
        match state.phase:
            case Phase.PREPARING:
                return failed(state.instance, self.at, reason="killed")
            case Phase.STARTING:
                self.runs.pop(state.instance, None)
                # An engine of an earlier agent ends without a code.
                known = state.taken_up != state.instance
                return failed(state.instance, self.at, reason="killed" if known else "not-healthy")
            case Phase.RELOADING:
                return self.end(state.live)
            case Phase.IDLE if state.live is not None:
                return self.end(state.live)
        return None

    def kill_agent(self):
        """Another agent finds on disk and among the processes what `Runner._adopt` finds; it knows the wish already."""
        old = self.state
        live = old.live if old.live in self.runs else None
        starting = old.phase == Phase.STARTING and old.instance in self.runs
        if live is None and starting and old.again:
            live = old.instance
        wanted = old.wanted is not None and old.wanted.state == "run" and old.candidate is not None
        wanted = wanted and spec_key(old.wanted) == spec_key(old.candidate)
        begun = old.instance if live is None and starting and wanted else None
        self.runs = {each: key for each, key in self.runs.items() if each in {live, begun}}
        reloading = old.phase == Phase.RELOADING or (live is not None and old.cut_off == live)
        self.state = State(
            pipeline="p",
            applied=old.applied,
            live=live,
            cut_off=live if reloading else None,
            phase=Phase.STARTING if begun else Phase.IDLE,
            candidate=old.candidate if begun else None,
            instance=begun,
            taken_up=begun,
            stopped=old.stopped,
            next_instance=old.next_instance,
            healthy_at=self.at if live is not None else None,
        )
        return old.wanted


WAYS = ("beside", "reload", "restart")
KILLED = (None, "agent", "engine")
MOMENTS = range(6)


def carried_out(first, kill, ordered, kill_later):
    """Two orders over a running revision 1, each with one kill at some moment; give the world when nothing happens more."""
    world = World()
    for happens in (Desired(spec(1)), "on", "on"):
        world.follow(happens)
    for order, (moment, killed) in ((first, kill), (ordered, kill_later)):
        world.follow(Desired(order))
        for _ in range(moment):
            world.follow("on")
        if killed:
            world.follow(killed)
    for _ in range(40):
        world.follow("on")
    return world


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_whoever_is_killed_and_whenever_the_node_runs_what_was_ordered_last(number, way):
    """Every moment of two orders: the last of them may go back to what ran, repeat the first, or be another one."""
    for first, moment, killed, later, killed_later in product(WAYS, MOMENTS, KILLED, MOMENTS, KILLED):
        if killed == killed_later == "engine":
            continue  # killed twice in one start counts as the revision's own fault
        told = (first, moment, killed, later, killed_later)
        ordered = spec(number, handover=way)
        world = carried_out(spec(2, handover=first), (moment, killed), ordered, (later, killed_later))
        state = world.state
        assert (state.phase, state.refused) == (Phase.IDLE, None), told
        assert state.applied.number == number, told
        assert world.runs == {state.live: spec_key(state.applied)}, told
