"""What an agent does with what it finds: after a boot, after a reload that was cut off."""

import msgspec
from packages.agent.tests.stories import FIRST, exited, failed, follow, spec

from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.types import (
    Desired,
    Healthy,
    Phase,
    Prepared,
    State,
    spec_key,
)
from vectorflow_wire.messages import PipelineState
from vectorflow_wire.sealing import SealedSecret


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


def test_secret_versions_make_a_difference_and_sealed_bytes_do_not():
    def sealed(version, box):
        return spec(secrets=(SealedSecret(name="a", version=version, key="k", sealed=box),))

    assert spec_key(sealed(1, "x")) == spec_key(sealed(1, "y"))
    assert spec_key(sealed(1, "x")) != spec_key(sealed(2, "x"))
    assert spec_key(spec()) == "r1"
