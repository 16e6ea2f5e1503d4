"""The pure core, as a table of stories: events in, commands out."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    CRASH_LIMIT,
    Desired,
    Exited,
    Failed,
    Healthy,
    Phase,
    Prepare,
    Prepared,
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
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import PipelineState
from vectorflow_wire.sealing import SealedSecret


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


def test_first_start():
    state, commanded = follow(FIRST)
    assert commanded == [["prepare r1"], ["start 1"], ["save r1 on 1", "tell applied r1"]]
    assert (state.phase, state.live) == (Phase.IDLE, 1)
    assert pipeline_state(state) == PipelineState.RUNNING


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


@pytest.mark.parametrize(
    ("runs", "ordered", "then"),
    [
        (("beside", "a"), ("beside", "b"), "start 2"),
        (("restart", "a"), ("beside", "b"), "stop 1"),
        (("reload", "a"), ("beside", "b"), "stop 1"),
        (("beside", "a"), ("reload", "b"), "stop 1"),
        (("beside", "a"), ("restart", "b"), "stop 1"),
        (("restart", "a"), ("restart", "a"), "reload 1 as 2"),
        (("reload", "a"), ("restart", "a"), "reload 1 as 2"),
        (("restart", "a"), ("beside", "a"), "reload 1 as 2"),
        (("restart", ""), ("reload", ""), "stop 1"),
        (("restart", ""), ("reload", "a"), "stop 1"),
    ],
)
def test_a_node_that_missed_a_revision_sees_by_itself_how_to_hand_over(runs, ordered, then):
    first = [Desired(spec(handover=runs[0], root=runs[1])), *FIRST[1:]]
    newer = spec(3, handover=ordered[0], root=ordered[1], handover_from="r2")
    assert follow([*first, Desired(newer), Prepared(2)])[1][3:] == [["prepare r3"], [then]]


def unsure():
    """A state after an agent was killed in the midst of a reload: revision 1 is applied, but something else may run."""
    return msgspec.structs.replace(follow(FIRST)[0], cut_off=1)


def test_a_reload_that_was_cut_off_is_taken_back_by_a_reload():
    state, commanded = follow([Desired(spec()), Prepared(2), Healthy(2, 20.0)], unsure())
    assert commanded == [["prepare r1 again"], ["reload 1 as 2"], []]
    assert (state.phase, state.live, state.cut_off, state.applied.number) == (Phase.IDLE, 1, None, 1)


def test_a_reload_that_cannot_be_taken_back_by_one_is_by_a_start():
    way_back = [Desired(None), Prepared(2), failed(2), Prepared(3), exited(1), Healthy(3, 20.0)]
    _, commanded = follow(way_back, unsure())
    assert commanded[1:5] == [["reload 1 as 2"], ["prepare r1 again"], ["stop 1"], ["start 3"]]


def test_a_reload_that_was_cut_off_may_be_followed_by_what_is_ordered():
    state, commanded = follow([Desired(spec(2, handover="reload")), Prepared(2), Healthy(2, 20.0)], unsure())
    assert commanded == [["prepare r2"], ["reload 1 as 2"], ["save r2 on 1", "tell applied r2"]]
    assert state.cut_off is None


def test_a_restart_that_cannot_be_prepared_leaves_what_runs():
    state, commanded = follow([RestartAsked(5.0), failed(2)], follow(FIRST)[0])
    assert commanded == [["prepare r1 again"], ["wake 1"]]
    assert (state.phase, state.live) == (Phase.IDLE, 1)


STORIES = {
    "beside": (
        [Desired(spec(2, handover="beside")), Prepared(2), Healthy(2, 20.0), exited(1)],
        [["prepare r2"], ["start 2"], ["save r2 on 2", "tell applied r2", "stop 1"], []],
    ),
    "beside that fails keeps the old": (
        [Desired(spec(2, handover="beside")), Prepared(2), failed(2)],
        [["prepare r2"], ["start 2"], ["tell refused r2"]],
    ),
    "beside while the old one crashes": (
        [Desired(spec(2, handover="beside")), Prepared(2), exited(1), Healthy(2, 20.0)],
        [["prepare r2"], ["start 2"], ["tell crashed r1"], ["save r2 on 2", "tell applied r2"]],
    ),
    "beside while the old one crashes, and the new one too": (
        [
            Desired(spec(2, handover="beside")),
            Prepared(2),
            exited(1),
            failed(2),
            Prepared(3),
            Healthy(3, 1.0),
        ],
        [
            ["prepare r2"],
            ["start 2"],
            ["tell crashed r1"],
            ["tell refused r2", "prepare r1 again"],
            ["start 3"],
            ["save r1 on 3", "tell restarted r1", "wake 60"],
        ],
    ),
    "restart": (
        [Desired(spec(2)), Prepared(2), exited(1), Healthy(2, 20.0)],
        [["prepare r2"], ["stop 1"], ["start 2"], ["save r2 on 2", "tell applied r2"]],
    ),
    "restart that fails goes back": (
        [Desired(spec(2)), Prepared(2), exited(1), failed(2), Prepared(3), Healthy(3, 20.0)],
        [
            ["prepare r2"],
            ["stop 1"],
            ["start 2"],
            ["tell refused r2", "prepare r1 again"],
            ["start 3"],
            ["save r1 on 3", "tell restarted r1"],
        ],
    ),
    "an unknown hand-over is a restart": (
        [Desired(spec(2, handover="teleport")), Prepared(2)],
        [["prepare r2"], ["stop 1"]],
    ),
    "a hand-over computed against another revision is a restart": (
        [Desired(spec(2, handover="beside", handover_from="r9")), Prepared(2)],
        [["prepare r2"], ["stop 1"]],
    ),
    "a hand-over computed against this revision": (
        [Desired(spec(2, handover="beside", handover_from="r1")), Prepared(2)],
        [["prepare r2"], ["start 2"]],
    ),
    "reload": (
        [Desired(spec(2, handover="reload")), Prepared(2), Healthy(2, 20.0)],
        [["prepare r2"], ["reload 1 as 2"], ["save r2 on 1", "tell applied r2"]],
    ),
    "reload refused": (
        [Desired(spec(2, handover="reload")), Prepared(2), failed(2)],
        [["prepare r2"], ["reload 1 as 2"], ["tell refused r2"]],
    ),
    "reload while something else kills the engine": (
        [
            Desired(spec(2, handover="reload")),
            Prepared(2),
            exited(1),
            failed(2),
            Prepared(3),
            Healthy(3, 20.0),
        ],
        [
            ["prepare r2"],
            ["reload 1 as 2"],
            ["tell crashed r1", "prepare r2 again"],
            [],
            ["start 3"],
            ["save r2 on 3", "tell applied r2"],
        ],
    ),
    "reload that kills the engine": (
        [Desired(spec(2, handover="reload")), Prepared(2), exited(1), Prepared(3), failed(3), Prepared(4)],
        [
            ["prepare r2"],
            ["reload 1 as 2"],
            ["tell crashed r1", "prepare r2 again"],
            ["start 3"],
            ["tell refused r2", "prepare r1 again"],
            ["start 4"],
        ],
    ),
    "beside while something kills the new one": (
        [
            Desired(spec(2, handover="beside")),
            Prepared(2),
            failed(2, reason="killed"),
            Prepared(3),
            Healthy(3, 20.0),
        ],
        [
            ["prepare r2"],
            ["start 2"],
            ["prepare r2"],
            ["start 3"],
            ["save r2 on 3", "tell applied r2", "stop 1"],
        ],
    ),
    "restart while the new one is killed each time": (
        [
            Desired(spec(2)),
            Prepared(2),
            exited(1),
            failed(2, reason="killed"),
            Prepared(3),
            failed(3, reason="killed"),
            Prepared(4),
        ],
        [
            ["prepare r2"],
            ["stop 1"],
            ["start 2"],
            ["prepare r2"],
            ["start 3"],
            ["tell refused r2", "prepare r1 again"],
            ["start 4"],
        ],
    ),
    "a check that is killed": (
        [Desired(spec(2)), failed(2, reason="killed"), failed(3, reason="killed")],
        [["prepare r2"], ["prepare r2"], ["tell refused r2"]],
    ),
    "validation refuses": (
        [Desired(spec(2)), failed(2, reason="config-invalid"), Desired(spec(2))],
        [["prepare r2"], ["tell refused r2"], []],
    ),
    "another attempt at what was refused": (
        [Desired(spec(2)), failed(2), Desired(spec(2, attempt=1)), failed(3)],
        [["prepare r2"], ["tell refused r2"], ["prepare r2"], ["tell refused r2"]],
    ),
    "a file that cannot be had is tried again": (
        [
            Desired(spec(2)),
            failed(2, transient=True, reason="file-unavailable"),
            Woke(1, 5.0),
            Prepared(3),
        ],
        [["prepare r2"], ["wake 1"], ["prepare r2"], ["stop 1"]],
    ),
    "a full disk is told once and tried again": (
        [Desired(spec(2)), *2 * [failed(2, transient=True, reason="disk-full"), Woke(1, 5.0)]],
        [["prepare r2"], ["tell refused r2", "wake 1"], ["prepare r2"], [], []],
    ),
    "stop": (
        [Desired(spec(state="stop")), exited(1), Desired(spec(state="stop")), Desired(spec()), Prepared(2)],
        [["stop 1"], ["save stopped", "tell stopped r1"], [], ["prepare r1"], ["start 2"]],
    ),
    "stop while starting the next": (
        [Desired(spec(2)), Prepared(2), Desired(spec(state="stop")), exited(1)],
        [["prepare r2"], ["stop 1"], [], ["save stopped", "tell stopped r1"]],
    ),
    "changed its mind while preparing": (
        [Desired(spec(2)), Desired(spec()), Prepared(2)],
        [["prepare r2"], [], []],
    ),
    "hold and absence keep what runs, and are told once": (
        [Desired(spec(2, state="hold")), Desired(spec(2, state="hold")), Desired(None), Desired(None)],
        [["tell held r2"], [], ["tell kept r1"], []],
    ),
    "an unknown state holds": ([Desired(spec(2, state="dream"))], [["tell held r2"]]),
    "hold restarts what crashes": (
        [Desired(spec(2, state="hold")), exited(1), Woke(1, 11.0), Prepared(2)],
        [["tell held r2"], ["tell crashed r1", "wake 1"], ["prepare r1 again"], ["start 2"]],
    ),
    "the same bytes under another number": (
        [Desired(spec(2, revision="r1"))],
        [["save r2 on 1", "tell applied r2"]],
    ),
    "what runs already is ordered again, and told once": (
        [Desired(spec(attempt=1)), Desired(spec(attempt=1))],
        [["save r1 on 1", "tell applied r1"], []],
    ),
    "back to what never stopped running": (
        [Desired(spec(2, attempt=1)), failed(2), Desired(spec(attempt=2))],
        [["prepare r2"], ["tell refused r2"], ["save r1 on 1", "tell applied r1"]],
    ),
    "ordered again while it is down is told when it is up": (
        [exited(1), Desired(spec(attempt=1)), Woke(1, 11.0), Prepared(2), Healthy(2, 12.0)],
        [
            ["tell crashed r1", "wake 1"],
            [],
            ["prepare r1 again"],
            ["start 2"],
            ["save r1 on 2", "tell restarted r1", "wake 60", "save r1 on 2", "tell applied r1"],
        ],
    ),
    "events of the past change nothing": (
        [Prepared(9), Healthy(9, 1.0), failed(9), exited(9), Woke(7, 1.0)],
        [[], [], [], [], []],
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_story_from_a_running_revision(story):
    events, expected = STORIES[story]
    assert follow(events, up())[1] == expected


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


def test_boot_starts_what_was_applied_whatever_is_wanted():
    booted = State(pipeline="p", applied=spec(), next_instance=5)
    for wanted in (spec(), None, spec(2, state="hold")):
        _, commanded = follow([Desired(wanted), Prepared(5), Healthy(5, 1.0)], booted)
        assert commanded[0][-1] == "prepare r1 again"
        assert commanded[2] == ["save r1 on 5", "tell restarted r1"]


def test_boot_when_stopped_starts_and_tells_nothing():
    booted = State(pipeline="p", stopped=True)
    state, commanded = follow([Desired(spec(state="stop")), Desired(None)], booted)
    assert commanded == [[], []]
    assert pipeline_state(state) == PipelineState.STOPPED


def test_both_new_and_old_unavailable_never_spins():
    booted = State(pipeline="p", applied=spec(), next_instance=1)
    events = [Desired(spec(2)), failed(1, transient=True, reason="file-unavailable"), failed(2)]
    state, commanded = follow(events, booted)
    assert commanded == [["prepare r2"], ["prepare r1 again"], ["tell crashed r1", "wake 1"]]
    state, commanded = follow([Woke(state.timer, 2.0), Prepared(3), Healthy(3, 3.0)], state)
    assert commanded[0] == ["prepare r1 again"]
    assert commanded[2][-1] == "prepare r2"


def test_secret_versions_make_a_difference_and_sealed_bytes_do_not():
    def sealed(version, box):
        return spec(secrets=(SealedSecret(name="a", version=version, key="k", sealed=box),))

    assert spec_key(sealed(1, "x")) == spec_key(sealed(1, "y"))
    assert spec_key(sealed(1, "x")) != spec_key(sealed(2, "x"))
    assert spec_key(spec()) == "r1"


EVENTS = st.one_of(
    st.builds(
        lambda number, state, handover: Desired(spec(number, state=state, handover=handover)),
        st.integers(1, 3),
        st.sampled_from(["run", "run", "hold", "stop"]),
        st.sampled_from(["beside", "reload", "restart"]),
    ),
    st.just(Desired(None)),
    st.sampled_from(["prepared", "failed", "transient", "healthy", "exited", "woke"]),
)


@given(st.lists(EVENTS, max_size=40))
def test_whatever_happens_only_an_order_stops_and_two_never_run_for_long(events):
    """A world of processes that obeys commands: what must hold after any history."""
    state, processes, at = State(pipeline="p"), set(), 0.0
    for drawn in events:
        at += 1.0
        event = drawn
        if isinstance(drawn, str):
            event = {
                "prepared": Prepared(state.instance or 0),
                "failed": failed(state.instance or 0, at),
                "transient": failed(state.instance or 0, at, transient=True),
                "healthy": Healthy(state.instance or 0, at),
                "exited": exited(state.live or 0, at),
                "woke": Woke(state.timer, at),
            }[drawn]
        if isinstance(event, Failed | Exited) and not (
            isinstance(event, Failed) and state.phase == Phase.RELOADING
        ):
            processes.discard(event.instance)
        before = state
        state, commands = step(state, event)
        for command in commands:
            if isinstance(command, Start):
                processes.add(command.instance)
            if isinstance(command, Stop):
                ordered = state.wanted is not None and state.wanted.state == "stop"
                replaced = before.candidate is not None and before.candidate.state == "run"
                assert ordered or replaced
                if command.instance != state.live:
                    processes.discard(command.instance)
        assert state.live is None or state.live in processes
        assert processes <= {state.live, state.instance}
        assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state
