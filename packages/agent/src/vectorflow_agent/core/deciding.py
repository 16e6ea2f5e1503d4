"""What is to be done with a pipeline while no hand-over is under way: what is wanted, compared with what runs."""

from typing import Any

import msgspec

from vectorflow_agent.core.types import Command, Phase, Prepare, Save, State, Step, Stop, Tell, spec_key
from vectorflow_wire.bundles import BundlePipeline, DesiredState
from vectorflow_wire.messages import ReportKind


def altered(state: State, **changes: Any) -> State:
    """The same state with these fields changed."""
    return msgspec.structs.replace(state, **changes)


def settled(state: State) -> State:
    """The state with no hand-over under way."""
    return altered(state, phase=Phase.IDLE, candidate=None, instance=None, once_more=False)


def decide(state: State) -> Step:
    """Compare what is wanted with what runs, while no hand-over is under way."""
    wanted = state.wanted
    if wanted is None:
        return _going_on(state, ReportKind.KEPT, "the bundle no longer names this pipeline")
    match wanted.state:
        case DesiredState.RUN:
            return _decide_run(altered(state, told="", stopped=False), wanted)
        case DesiredState.STOP:
            return _decide_stop(state, wanted)
        case DesiredState.HOLD:
            return _going_on(state, ReportKind.HELD, wanted.reason)
        case unknown:
            return _going_on(state, ReportKind.HELD, f"this agent does not know the state {unknown!r}")


def _decide_run(state: State, wanted: BundlePipeline) -> Step:
    if state.applied is not None and spec_key(wanted) == spec_key(state.applied):
        return _confirm(altered(state, refused=None), wanted)
    refused = state.refused
    if state.missing and state.applied is not None:
        return ensure_running(state)
    if refused is not None and (refused.key, refused.attempt) == (spec_key(wanted), wanted.attempt):
        return ensure_running(state)
    return prepare(state, wanted, check=True)


def _confirm(state: State, wanted: BundlePipeline) -> Step:
    """The wanted bytes run already, maybe under another number, or were ordered again."""
    applied = state.applied
    anew = applied is not None and (applied.number, applied.attempt) != (wanted.number, wanted.attempt)
    if anew and state.live is None:
        # Told once it runs again.
        return ensure_running(state)
    changed = applied != wanted
    state = altered(state, applied=wanted)
    commands: tuple[Command, ...] = ()
    if changed:
        commands += (Save(wanted, state.live, False),)
    if anew:
        commands += (Tell(kind=ReportKind.APPLIED, spec=wanted),)
    state, more = ensure_running(state)
    return state, commands + more


def _decide_stop(state: State, wanted: BundlePipeline) -> Step:
    if state.live is not None:
        return altered(state, phase=Phase.STOPPING, message=""), (Stop(state.live, wanted.drain_seconds),)
    commands: tuple[Command, ...] = ()
    told = f"{ReportKind.STOPPED} {wanted.reason}"
    # Stopped with nothing told yet: the agent has restarted since, and the report went out before.
    if not state.stopped or state.told not in {told, ""}:
        commands = (
            Save(None, None, True),
            Tell(kind=ReportKind.STOPPED, spec=wanted, message=wanted.reason),
        )
    stopped = altered(
        settled(state),
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
        state = altered(state, told=told, message=why)
    state, more = ensure_running(state)
    return state, commands + more


def ensure_running(state: State) -> Step:
    """Have what is applied run, and surely that."""
    if unsure(state) and state.applied is not None:
        return prepare(state, state.applied, check=False)
    if state.live is not None:
        return altered(state, phase=Phase.IDLE), ()
    if state.phase == Phase.BACKOFF or state.applied is None:
        return state, ()
    return prepare(state, state.applied, check=False)


def unsure(state: State) -> bool:
    """Whether it cannot be said what the running engine runs, because a reload was cut off."""
    return state.live is not None and state.cut_off == state.live


def prepare(state: State, spec: BundlePipeline, *, check: bool) -> Step:
    """Begin to start a specification, as a new instance."""
    instance = state.next_instance
    state = altered(
        state,
        phase=Phase.PREPARING,
        candidate=spec,
        instance=instance,
        next_instance=instance + 1,
    )
    return state, (Prepare(spec, instance, check),)
