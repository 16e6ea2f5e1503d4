"""The pure core, as a table of stories: events in, commands out."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packages.agent.tests.stories import FIRST, exited, failed, follow, spec, up

from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.supervise import step
from vectorflow_agent.core.types import (
    Desired,
    Exited,
    Failed,
    Healthy,
    Phase,
    Prepared,
    Start,
    State,
    Stop,
    Woke,
)
from vectorflow_wire.messages import PipelineState


def test_first_start():
    state, commanded = follow(FIRST)
    assert commanded == [["prepare r1"], ["start 1"], ["save r1 on 1", "tell applied r1"]]
    assert (state.phase, state.live) == (Phase.IDLE, 1)
    assert pipeline_state(state) == PipelineState.RUNNING


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
