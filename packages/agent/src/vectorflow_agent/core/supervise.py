"""Supervision and hand-over of one pipeline: `step(state, event) -> (state, commands)`.

The rule behind every branch: the old revision runs unless the new one was found healthy, and only
an order to stop stops. While a hand-over is under way new orders are only noted; they are looked at
when it has ended, one way or the other.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from vectorflow_agent.core.types import (
    CRASH_LIMIT,
    LONGEST_WAIT,
    UP_SECONDS,
    Command,
    Desired,
    Event,
    Exited,
    Failed,
    Healthy,
    Phase,
    Prepare,
    Prepared,
    Refusal,
    Reload,
    RestartAsked,
    Save,
    Start,
    State,
    Stop,
    Tell,
    Wake,
    Woke,
    spec_key,
)
from vectorflow_wire.bundles import BundlePipeline, DesiredState, Handover
from vectorflow_wire.messages import ReportKind, ReportReason

Step = tuple[State, tuple[Command, ...]]
_SETTLED = (Phase.IDLE, Phase.BACKOFF)


def step(state: State, event: Event) -> Step:
    """Take one event into account: the state after it, and what is to be done now."""
    return _HANDLERS[type(event)](state, event)


def _with(state: State, **changes: Any) -> State:
    return msgspec.structs.replace(state, **changes)


def _desired(state: State, event: Desired) -> Step:
    tries = state.tries if event.spec == state.wanted else 0
    state = _with(state, wanted=event.spec, missing=False, tries=tries)
    return _decide(state) if state.phase in _SETTLED else (state, ())


def _decide(state: State) -> Step:
    """Compare what is wanted with what runs, while no hand-over is under way."""
    wanted = state.wanted
    if wanted is None:
        return _going_on(state, ReportKind.KEPT, "the bundle no longer names this pipeline")
    match wanted.state:
        case DesiredState.RUN:
            return _decide_run(_with(state, told="", stopped=False), wanted)
        case DesiredState.STOP:
            return _decide_stop(state, wanted)
        case DesiredState.HOLD:
            return _going_on(state, ReportKind.HELD, wanted.reason)
        case unknown:
            return _going_on(state, ReportKind.HELD, f"this agent does not know the state {unknown!r}")


def _decide_run(state: State, wanted: BundlePipeline) -> Step:
    if state.applied is not None and spec_key(wanted) == spec_key(state.applied):
        return _confirm(_with(state, refused=None), wanted)
    refused = state.refused
    if state.missing and state.applied is not None:
        return _ensure_running(state)
    if refused is not None and (refused.key, refused.attempt) == (spec_key(wanted), wanted.attempt):
        return _ensure_running(state)
    return _prepare(state, wanted, check=True)


def _confirm(state: State, wanted: BundlePipeline) -> Step:
    """The wanted bytes run already, maybe under another number, or were ordered again."""
    applied = state.applied
    anew = applied is not None and (applied.number, applied.attempt) != (wanted.number, wanted.attempt)
    if anew and state.live is None:
        # Told once it runs again.
        return _ensure_running(state)
    changed = applied != wanted
    state = _with(state, applied=wanted)
    commands: tuple[Command, ...] = ()
    if changed:
        commands += (Save(wanted, state.live, False),)
    if anew:
        commands += (Tell(kind=ReportKind.APPLIED, spec=wanted),)
    state, more = _ensure_running(state)
    return state, commands + more


def _decide_stop(state: State, wanted: BundlePipeline) -> Step:
    if state.live is not None:
        return _with(state, phase=Phase.STOPPING, message=""), (Stop(state.live, wanted.drain_seconds),)
    commands: tuple[Command, ...] = ()
    told = f"{ReportKind.STOPPED} {wanted.reason}"
    # Stopped with nothing told yet: the agent has restarted since, and the report went out before.
    if not state.stopped or state.told not in {told, ""}:
        commands = (
            Save(None, None, True),
            Tell(kind=ReportKind.STOPPED, spec=wanted, message=wanted.reason),
        )
    stopped = _with(
        _settled(state),
        applied=None,
        stopped=True,
        told=told,
        crashes=0,
        refused=None,
        healthy_at=None,
        message="",
    )
    return stopped, commands


def _going_on(state: State, kind: str, why: str) -> Step:
    """Nothing new to run: what runs goes on, also after a crash or a reboot."""
    told = f"{kind} {why}"
    commands: tuple[Command, ...] = ()
    spec = state.wanted or state.applied
    if told != state.told and spec is not None and not state.stopped:
        commands = (Tell(kind=kind, spec=spec, message=why),)
        state = _with(state, told=told, message=why)
    state, more = _ensure_running(state)
    return state, commands + more


def _ensure_running(state: State) -> Step:
    if _unsure(state) and state.applied is not None:
        return _prepare(state, state.applied, check=False)
    if state.live is not None:
        return _with(state, phase=Phase.IDLE), ()
    if state.phase == Phase.BACKOFF or state.applied is None:
        return state, ()
    return _prepare(state, state.applied, check=False)


def _unsure(state: State) -> bool:
    """Whether it cannot be said what the running engine runs, because a reload was cut off."""
    return state.live is not None and state.cut_off == state.live


def _prepare(state: State, spec: BundlePipeline, *, check: bool) -> Step:
    instance = state.next_instance
    state = _with(
        state,
        phase=Phase.PREPARING,
        candidate=spec,
        instance=instance,
        next_instance=instance + 1,
    )
    return state, (Prepare(spec, instance, check),)


def _still_wanted(state: State) -> bool:
    wanted, candidate = state.wanted, state.candidate
    if candidate is None or state.again:
        return candidate is not None and (wanted is None or wanted.state != DesiredState.STOP)
    return wanted is not None and wanted.state == DesiredState.RUN and spec_key(wanted) == spec_key(candidate)


def _prepared(state: State, event: Prepared) -> Step:
    if state.phase != Phase.PREPARING or event.instance != state.instance or state.candidate is None:
        return state, ()
    if not _still_wanted(state):
        return _decide(_settled(state))
    spec, live = state.candidate, state.live
    if live is None:
        return _start(state)
    if state.again and _unsure(state):
        # The way back of a reload is a reload.
        return _with(state, phase=Phase.RELOADING), (Reload(spec, live, event.instance),)
    if state.again:
        return _with(state, phase=Phase.DRAINING), (Stop(live, spec.drain_seconds),)
    match _handover(spec, state.applied):
        case Handover.BESIDE:
            return _start(state)
        case Handover.RELOAD:
            return _with(state, phase=Phase.RELOADING), (Reload(spec, live, event.instance),)
        case _:
            return _with(state, phase=Phase.DRAINING), (Stop(live, spec.drain_seconds),)


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
        return _decide(_settled(state))
    return _with(state, phase=Phase.STARTING), (Start(state.candidate, state.instance),)


def _settled(state: State) -> State:
    return _with(state, phase=Phase.IDLE, candidate=None, instance=None, once_more=False)


def _healthy(state: State, event: Healthy) -> Step:
    if event.instance != state.instance or state.candidate is None:
        return state, ()
    if state.phase == Phase.RELOADING and state.again:
        return _decide(_with(_settled(state), cut_off=None))
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
    state = _with(
        _settled(state),
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
    state, more = _decide(state)
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
    state = _with(
        _settled(state),
        live=event.instance,
        healthy_at=event.at,
        restarts=state.restarts + 1,
        missing=False,
        timer=timer,
        message=state.message if state.refused else "",
    )
    state, more = _decide(state)
    return state, commands + more


def _failed(state: State, event: Failed) -> Step:
    busy = state.phase in {Phase.PREPARING, Phase.STARTING, Phase.RELOADING}
    if not busy or event.instance != state.instance or state.candidate is None:
        return state, ()
    if state.again and state.phase == Phase.RELOADING:
        # What runs cannot be brought back by a reload, so by a start.
        return _prepare(_with(_settled(state), cut_off=None), state.candidate, check=False)
    if state.again and state.live is not None:
        # Only a preparation failed: what runs goes on, and what was to be done to it is looked at later.
        return _later(_with(_settled(state), message=event.message), event)
    if state.again:
        return _crashed(_settled(state), event)
    if event.transient and state.phase == Phase.PREPARING:
        return _missing(state, state.candidate, event)
    return _not_healthy(state, state.candidate, event)


def _missing(state: State, spec: BundlePipeline, event: Failed) -> Step:
    """Something outside is missing for the moment: it is tried again, and nothing runs worse for it."""
    state = _with(_settled(state), message=event.message, missing=True)
    commands: tuple[Command, ...] = ()
    if event.reason != ReportReason.FILE_UNAVAILABLE:
        # A full disk is news for the control plane; a gateway that is away could not be told anyway.
        state, commands = _tell_refused(state, spec, event)
    if state.live is None and state.applied is not None:
        state, more = _prepare(state, state.applied, check=False)
    elif state.live is None:
        state, more = _wait(_with(state, crashes=state.crashes + 1), least=event.patience)
    else:
        state, more = _later(state, event)
    return state, commands + more


def _later(state: State, event: Failed) -> Step:
    """Look again after a pause that grows, and that is as long as what was asked wants it."""
    return _wait(_with(state, tries=state.tries + 1), least=event.patience)


def _tell_refused(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """Report a refusal, once for each specification, attempt and reason."""
    refusal = Refusal(spec_key(spec), spec.attempt, event.reason)
    if state.told_refusal == refusal:
        return state, ()
    told = Tell(
        kind=ReportKind.REFUSED, spec=spec, reason=event.reason, message=event.message, output=event.output
    )
    return _with(state, told_refusal=refusal), (told,)


def _not_healthy(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """Refuse a specification whose engine did not become healthy; one that was or may have been killed is tried again.

    Whoever killed it may not have meant the revision. The system does, when memory is short, and will again.
    """
    killed = event.reason == ReportReason.KILLED or state.taken_up == state.instance
    if state.once_more or not killed:
        return _refuse(state, spec, event)
    return _prepare(_with(state, once_more=True, message=event.message), spec, check=True)


def _refuse(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """The new specification does not work here: say so once, and go back to the old one."""
    state, commands = _tell_refused(state, spec, event)
    refusal = Refusal(spec_key(spec), spec.attempt, event.reason)
    state = _with(_settled(state), refused=refusal, message=event.message)
    if state.live is None and state.applied is None:
        # Nothing runs, so trying again disturbs nothing and may find the port free or the disk empty.
        state, more = _wait(_with(state, crashes=state.crashes + 1))
    else:
        state, more = _decide(state)
    return state, commands + more


def _crashed(state: State, event: Failed | Exited) -> Step:
    """The applied specification ended or did not start: again after a pause that grows."""
    state, commands = _crash_noted(state, event)
    state, wait = _wait(state)
    # Something newer may have been ordered meanwhile; it need not wait for the pause to end.
    state, more = _decide(state)
    return state, commands + wait + more


def _crash_noted(state: State, event: Failed | Exited) -> Step:
    forgiven = state.healthy_at is not None and event.at - state.healthy_at >= UP_SECONDS
    crashes = 1 if forgiven else state.crashes + 1
    state = _with(state, live=None, healthy_at=None, crashes=crashes, message=event.message)
    if state.applied is None or crashes > CRASH_LIMIT + 1:
        return state, ()
    message = event.message if crashes <= CRASH_LIMIT else f"crash loop, tried each minute: {event.message}"
    told = Tell(
        kind=ReportKind.CRASHED,
        spec=state.applied,
        reason=event.reason,
        message=message,
        output=event.output,
    )
    return state, (told,)


def _wait(state: State, *, least: float = 0.0) -> Step:
    timer = state.timer + 1
    failures = max(state.crashes, state.tries)
    seconds = min(LONGEST_WAIT, 2.0 ** min(max(failures - 1, 0), 6))
    if state.crashes > CRASH_LIMIT:
        seconds = LONGEST_WAIT
    phase = Phase.IDLE if state.live is not None else Phase.BACKOFF
    return _with(state, phase=phase, timer=timer), (Wake(timer, max(seconds, least)),)


def _exited(state: State, event: Exited) -> Step:
    if event.instance == state.instance and state.phase == Phase.STARTING and state.candidate is not None:
        if state.again:
            return _crashed(_settled(state), event)
        return _not_healthy(state, state.candidate, event)
    if event.instance != state.live:
        return state, ()
    match state.phase:
        case Phase.STOPPING:
            return _decide(_with(state, phase=Phase.IDLE, live=None))
        case Phase.DRAINING:
            state = _with(state, live=None, healthy_at=None)
            return _start(state) if _still_wanted(state) else _decide(_settled(state))
        case Phase.RELOADING if (candidate := state.candidate) is not None:
            # The new one ended it, or something else did: a start of its own tells.
            state, told = _crash_noted(state, event)
            state, more = _prepare(state, candidate, check=False)
            return state, told + more
        case Phase.PREPARING | Phase.STARTING:
            # The new one is on its way and needs no old one; if it fails, the old is started again.
            return _crash_noted(state, event)
        case _:
            return _crashed(state, event)


def _restart_asked(state: State, event: RestartAsked) -> Step:
    """While something else is under way the wish is dropped: an engine will be started anyway."""
    if state.phase != Phase.IDLE or state.live is None or state.applied is None:
        return state, ()
    return _prepare(state, _with_drain(state.applied, event.drain_seconds), check=False)


def _with_drain(spec: BundlePipeline, seconds: float) -> BundlePipeline:
    return msgspec.structs.replace(spec, drain_seconds=seconds)


def _woke(state: State, event: Woke) -> Step:
    if event.timer != state.timer or state.phase not in _SETTLED:
        return state, ()
    if state.live is None:
        refused = None if state.applied is None else state.refused
        return _decide(_with(state, phase=Phase.IDLE, refused=refused))
    state, commands = _forgiven(state, event)
    state, more = _decide(_with(state, missing=False))
    return state, commands + more


def _forgiven(state: State, event: Woke) -> Step:
    """Forget the crashes of an engine that has stayed up long enough."""
    stayed = state.healthy_at is not None and event.at - state.healthy_at >= UP_SECONDS
    if not stayed or not state.crashes or state.applied is None:
        return state, ()
    commands: tuple[Command, ...] = ()
    if state.crashes > CRASH_LIMIT:
        why = f"up for {UP_SECONDS:.0f} s after {state.crashes} crashes"
        commands = (Tell(kind=ReportKind.RESTARTED, spec=state.applied, message=why),)
    return _with(state, crashes=0), commands


_HANDLERS: dict[type, Callable[[State, Any], Step]] = {
    Desired: _desired,
    Prepared: _prepared,
    Failed: _failed,
    Healthy: _healthy,
    Exited: _exited,
    Woke: _woke,
    RestartAsked: _restart_asked,
}
