"""Supervision and hand-over of one pipeline: `step(state, event) -> (state, commands)`.

The rule behind every branch: the old revision runs unless the new one was found healthy, and only
an order to stop stops. While a hand-over is under way new orders are only noted; they are looked at
when it has ended, one way or the other.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from vectorflow_agent.core.deciding import altered, decide, prepare, settled, unsure
from vectorflow_agent.core.setbacks import crash_noted, crashed, forgive, later, missing, not_healthy
from vectorflow_agent.core.types import (
    CRASH_LIMIT,
    UP_SECONDS,
    Command,
    Desired,
    Event,
    Exited,
    Failed,
    Healthy,
    Phase,
    Prepared,
    Reload,
    RestartAsked,
    Save,
    Start,
    State,
    Step,
    Stop,
    Tell,
    Wake,
    Woke,
    spec_key,
)
from vectorflow_wire.bundles import BundlePipeline, DesiredState, Handover
from vectorflow_wire.messages import ReportKind

_SETTLED = (Phase.IDLE, Phase.BACKOFF)


def step(state: State, event: Event) -> Step:
    """Take one event into account: the state after it, and what is to be done now."""
    return _HANDLERS[type(event)](state, event)


def _desired(state: State, event: Desired) -> Step:
    tries = state.tries if event.spec == state.wanted else 0
    state = altered(state, wanted=event.spec, missing=False, tries=tries)
    return decide(state) if state.phase in _SETTLED else (state, ())


def _still_wanted(state: State) -> bool:
    wanted, candidate = state.wanted, state.candidate
    if candidate is None or state.again:
        return candidate is not None and (wanted is None or wanted.state != DesiredState.STOP)
    return wanted is not None and wanted.state == DesiredState.RUN and spec_key(wanted) == spec_key(candidate)


def _prepared(state: State, event: Prepared) -> Step:
    if state.phase != Phase.PREPARING or event.instance != state.instance or state.candidate is None:
        return state, ()
    if not _still_wanted(state):
        return decide(settled(state))
    spec, live = state.candidate, state.live
    if live is None:
        return _start(state)
    if state.again and unsure(state):
        # The way back of a reload is a reload.
        return altered(state, phase=Phase.RELOADING), (Reload(spec, live, event.instance),)
    if state.again:
        return altered(state, phase=Phase.DRAINING), (Stop(live, spec.drain_seconds),)
    match _handover(spec, state.applied):
        case Handover.BESIDE:
            return _start(state)
        case Handover.RELOAD:
            return altered(state, phase=Phase.RELOADING), (Reload(spec, live, event.instance),)
        case _:
            return altered(state, phase=Phase.DRAINING), (Stop(live, spec.drain_seconds),)


def _handover(spec: BundlePipeline, applied: BundlePipeline | None) -> str:
    """The bundle's hand-over, if it was computed against what really runs; else a restart.

    A node that missed a revision still hands over beside when both were to stand beside others, for neither takes
    anything for itself, and reloads when both have the same root settings, which is all that a reload cannot change.
    """
    if applied is None or spec.handover_from in {"", applied.revision}:
        return spec.handover
    if applied.handover == Handover.BESIDE and spec.handover == Handover.BESIDE:
        return Handover.BESIDE
    return Handover.RELOAD if spec.root and spec.root == applied.root else Handover.RESTART


def _start(state: State) -> Step:
    if state.candidate is None or state.instance is None:
        return decide(settled(state))
    return altered(state, phase=Phase.STARTING), (Start(state.candidate, state.instance),)


def _healthy(state: State, event: Healthy) -> Step:
    if event.instance != state.instance or state.candidate is None:
        return state, ()
    if state.phase == Phase.RELOADING and state.again:
        return decide(altered(settled(state), cut_off=None))
    if state.phase == Phase.RELOADING:
        return _applied(state, state.candidate, live=state.live, at=state.healthy_at)
    if state.phase != Phase.STARTING:
        return state, ()
    if state.again:
        return _restarted(state, event)
    return _applied(state, state.candidate, live=event.instance, at=event.at)


def _applied(state: State, spec: BundlePipeline, *, live: int | None, at: float | None) -> Step:
    old = state.live
    commands: tuple[Command, ...] = (
        Save(spec, live, False),
        Tell(kind=ReportKind.APPLIED, spec=spec),
    )
    if old is not None and old != live:
        commands += (Stop(old, spec.drain_seconds),)
    state = altered(
        settled(state),
        applied=spec,
        live=live,
        cut_off=None,
        healthy_at=at,
        stopped=False,
        refused=None,
        told_refusal=None,
        crashes=0,
        tries=0,
        message="",
    )
    state, more = decide(state)
    return state, commands + more


def _restarted(state: State, event: Healthy) -> Step:
    if state.applied is None:
        return state, ()
    why = f"after {state.crashes} crashes" if state.crashes else "it was not running"
    commands: tuple[Command, ...] = (Save(state.applied, event.instance, False),)
    if state.crashes <= CRASH_LIMIT:
        commands += (Tell(kind=ReportKind.RESTARTED, spec=state.applied, message=why),)
    timer = state.timer + 1
    if state.crashes:
        commands += (Wake(timer, UP_SECONDS),)
    state = altered(
        settled(state),
        live=event.instance,
        healthy_at=event.at,
        restarts=state.restarts + 1,
        missing=False,
        timer=timer,
        message=state.message if state.refused else "",
    )
    state, more = decide(state)
    return state, commands + more


def _failed(state: State, event: Failed) -> Step:
    busy = state.phase in {Phase.PREPARING, Phase.STARTING, Phase.RELOADING}
    if not busy or event.instance != state.instance or state.candidate is None:
        return state, ()
    if state.again and state.phase == Phase.RELOADING:
        # What runs cannot be brought back by a reload, so by a start.
        return prepare(altered(settled(state), cut_off=None), state.candidate, check=False)
    if state.again and state.live is not None:
        # Only a preparation failed: what runs goes on, and what was to be done to it is looked at later.
        return later(altered(settled(state), message=event.message), event)
    if state.again:
        return crashed(settled(state), event)
    if event.transient and state.phase == Phase.PREPARING:
        return missing(state, state.candidate, event)
    return not_healthy(state, state.candidate, event)


def _exited(state: State, event: Exited) -> Step:
    if event.instance == state.instance and state.phase == Phase.STARTING and state.candidate is not None:
        if state.again:
            return crashed(settled(state), event)
        return not_healthy(state, state.candidate, event)
    if event.instance != state.live:
        return state, ()
    match state.phase:
        case Phase.STOPPING:
            return decide(altered(state, phase=Phase.IDLE, live=None))
        case Phase.DRAINING:
            state = altered(state, live=None, healthy_at=None)
            return _start(state) if _still_wanted(state) else decide(settled(state))
        case Phase.RELOADING if (candidate := state.candidate) is not None:
            # The new one ended it, or something else did: a start of its own tells.
            state, told = crash_noted(state, event)
            state, more = prepare(state, candidate, check=False)
            return state, told + more
        case Phase.PREPARING | Phase.STARTING:
            # The new one is on its way and needs no old one; if it fails, the old is started again.
            return crash_noted(state, event)
        case _:
            return crashed(state, event)


def _restart_asked(state: State, event: RestartAsked) -> Step:
    """While something else is under way the wish is dropped: an engine will be started anyway."""
    if state.phase != Phase.IDLE or state.live is None or state.applied is None:
        return state, ()
    return prepare(state, _with_drain(state.applied, event.drain_seconds), check=False)


def _with_drain(spec: BundlePipeline, seconds: float) -> BundlePipeline:
    return msgspec.structs.replace(spec, drain_seconds=seconds)


def _woke(state: State, event: Woke) -> Step:
    if event.timer != state.timer or state.phase not in _SETTLED:
        return state, ()
    if state.live is None:
        refused = None if state.applied is None else state.refused
        return decide(altered(state, phase=Phase.IDLE, refused=refused))
    state, commands = forgive(state, event)
    state, more = decide(altered(state, missing=False))
    return state, commands + more


_HANDLERS: dict[type, Callable[[State, Any], Step]] = {
    Desired: _desired,
    Prepared: _prepared,
    Failed: _failed,
    Healthy: _healthy,
    Exited: _exited,
    Woke: _woke,
    RestartAsked: _restart_asked,
}
