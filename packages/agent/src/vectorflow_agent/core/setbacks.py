"""What follows when something does not work: refusals, crashes, what is missing, and the pauses before it is tried again."""

from vectorflow_agent.core.deciding import altered, decide, prepare, settled
from vectorflow_agent.core.types import (
    CRASH_LIMIT,
    LONGEST_WAIT,
    UP_SECONDS,
    Command,
    Exited,
    Failed,
    Phase,
    Refusal,
    State,
    Step,
    Tell,
    Wake,
    Woke,
    spec_key,
)
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import ReportKind, ReportReason


def missing(state: State, spec: BundlePipeline, event: Failed) -> Step:
    """Something outside is missing for the moment: it is tried again, and nothing runs worse for it."""
    state = altered(settled(state), message=event.message, missing=True)
    commands: tuple[Command, ...] = ()
    if event.reason != ReportReason.FILE_UNAVAILABLE:
        # A full disk is news for the control plane; a gateway that is away could not be told anyway.
        state, commands = _tell_refused(state, spec, event)
    if state.live is None and state.applied is not None:
        state, more = prepare(state, state.applied, check=False)
    elif state.live is None:
        state, more = _wait(altered(state, crashes=state.crashes + 1), least=event.patience)
    else:
        state, more = later(state, event)
    return state, commands + more


def later(state: State, event: Failed) -> Step:
    """Look again after a pause that grows, and that is as long as what was asked wants it."""
    return _wait(altered(state, tries=state.tries + 1), least=event.patience)


def _tell_refused(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """Report a refusal, once for each specification, attempt and reason."""
    refusal = Refusal(spec_key(spec), spec.attempt, event.reason)
    if state.told_refusal == refusal:
        return state, ()
    told = Tell(
        kind=ReportKind.REFUSED, spec=spec, reason=event.reason, message=event.message, output=event.output
    )
    return altered(state, told_refusal=refusal), (told,)


def not_healthy(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """Refuse a specification whose engine did not become healthy; one that was or may have been killed is tried again.

    Whoever killed it may not have meant the revision. The system does, when memory is short, and will again.
    """
    killed = event.reason == ReportReason.KILLED or state.taken_up == state.instance
    if state.once_more or not killed:
        return _refuse(state, spec, event)
    return prepare(altered(state, once_more=True, message=event.message), spec, check=True)


def _refuse(state: State, spec: BundlePipeline, event: Failed | Exited) -> Step:
    """The new specification does not work here: say so once, and go back to the old one."""
    state, commands = _tell_refused(state, spec, event)
    refusal = Refusal(spec_key(spec), spec.attempt, event.reason)
    state = altered(settled(state), refused=refusal, message=event.message)
    if state.live is None and state.applied is None:
        # Nothing runs, so trying again disturbs nothing and may find the port free or the disk empty.
        state, more = _wait(altered(state, crashes=state.crashes + 1))
    else:
        state, more = decide(state)
    return state, commands + more


def crashed(state: State, event: Failed | Exited) -> Step:
    """The applied specification ended or did not start: again after a pause that grows."""
    state, commands = crash_noted(state, event)
    state, wait = _wait(state)
    # Something newer may have been ordered meanwhile; it need not wait for the pause to end.
    state, more = decide(state)
    return state, commands + wait + more


def crash_noted(state: State, event: Failed | Exited) -> Step:
    """Count a crash of the engine that ran, and tell of it; nothing is started yet."""
    forgiven = state.healthy_at is not None and event.at - state.healthy_at >= UP_SECONDS
    crashes = 1 if forgiven else state.crashes + 1
    state = altered(state, live=None, healthy_at=None, crashes=crashes, message=event.message)
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
    return altered(state, phase=phase, timer=timer), (Wake(timer, max(seconds, least)),)


def forgive(state: State, event: Woke) -> Step:
    """Forget the crashes of an engine that has stayed up long enough."""
    stayed = state.healthy_at is not None and event.at - state.healthy_at >= UP_SECONDS
    if not stayed or not state.crashes or state.applied is None:
        return state, ()
    commands: tuple[Command, ...] = ()
    if state.crashes > CRASH_LIMIT:
        why = f"up for {UP_SECONDS:.0f} s after {state.crashes} crashes"
        commands = (Tell(kind=ReportKind.RESTARTED, spec=state.applied, message=why),)
    return altered(state, crashes=0), commands
