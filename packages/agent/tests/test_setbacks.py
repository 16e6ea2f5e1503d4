"""What follows when something does not work: pauses that grow, crash loops, what is told of them."""

from packages.agent.tests.stories import FIRST, exited, failed, follow, spec, up, word

from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    CRASH_LIMIT,
    Desired,
    Healthy,
    Phase,
    Prepared,
    RestartAsked,
    State,
    Tell,
    Wake,
    Woke,
)
from vectorflow_wire.messages import PipelineState


def test_what_is_missing_beside_a_live_engine_is_asked_for_less_and_less_often():
    state, waits = step(up(), Desired(spec(2)))[0], []
    for patience in (0, 0, 0, 90, 0, 0, 0, 0):
        state, commands = step(
            state, failed(state.instance, transient=True, reason="file-unavailable", patience=patience)
        )
        (wake,) = commands
        waits.append(wake.seconds)
        # A bundle that says the same again is no new order.
        state, _ = step(step(state, Woke(wake.timer, 20.0))[0], Desired(spec(2)))
    assert waits == [1, 2, 4, 90, 16, 32, 60, 60]
    state, _ = step(
        step(state, Desired(spec(3)))[0], failed(state.instance, transient=True, reason="disk-full")
    )
    assert state.tries == 1


def test_a_restart_that_cannot_be_prepared_leaves_what_runs():
    state, commanded = follow([RestartAsked(5.0), failed(2)], follow(FIRST)[0])
    assert commanded == [["prepare r1 again"], ["wake 1"]]
    assert (state.phase, state.live) == (Phase.IDLE, 1)


def test_nothing_runs_so_a_refusal_is_tried_again_with_pauses_and_told_once():
    events = [Desired(spec()), failed(1), Woke(1, 1.0), failed(2), Woke(2, 3.0), failed(3)]
    state, commanded = follow(events)
    assert commanded == [
        ["prepare r1"],
        ["tell refused r1", "wake 1"],
        ["prepare r1"],
        ["wake 2"],
        ["prepare r1"],
        ["wake 4"],
    ]
    assert pipeline_state(state) == PipelineState.REFUSED


def crash_once(state, at, up_for=0.0):
    state, commands = step(state, exited(state.live, at + up_for))
    seconds = next(command.seconds for command in commands if isinstance(command, Wake))
    told = [command.kind for command in commands if isinstance(command, Tell)]
    state, _ = step(state, Woke(state.timer, at))
    state, _ = step(state, Prepared(state.instance))
    state, _ = step(state, Healthy(state.instance, at))
    return state, seconds, told


def test_crashes_in_a_row_wait_longer_and_become_a_loop():
    state, waits, told = up(), [], []
    for _ in range(CRASH_LIMIT + 3):
        state, seconds, kinds = crash_once(state, 20.0)
        waits.append(seconds)
        told.append(kinds)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60, 60]
    assert told == [["crashed"]] * 11 + [[], []]
    assert pipeline_state(state) == PipelineState.CRASH_LOOP
    state, commands = step(state, Woke(state.timer, 20.0 + 60))
    assert [word(command) for command in commands] == ["tell restarted r1"]
    assert pipeline_state(state) == PipelineState.RUNNING


def test_a_minute_up_forgives_crashes():
    state, _, _ = crash_once(up(), 20.0)
    state, seconds, _ = crash_once(state, 20.0)
    assert seconds == 2
    assert crash_once(state, 20.0, up_for=60.0)[1] == 1


def test_a_newer_order_does_not_wait_for_the_pause_to_end():
    _, commanded = follow([exited(1), Desired(spec(2))], up())
    assert commanded == [["tell crashed r1", "wake 1"], ["prepare r2"]]


def test_both_new_and_old_unavailable_never_spins():
    booted = State(pipeline="p", applied=spec(), next_instance=1)
    events = [Desired(spec(2)), failed(1, transient=True, reason="file-unavailable"), failed(2)]
    state, commanded = follow(events, booted)
    assert commanded == [["prepare r2"], ["prepare r1 again"], ["tell crashed r1", "wake 1"]]
    state, commanded = follow([Woke(state.timer, 2.0), Prepared(3), Healthy(3, 3.0)], state)
    assert commanded[0] == ["prepare r1 again"]
    assert commanded[2][-1] == "prepare r2"
