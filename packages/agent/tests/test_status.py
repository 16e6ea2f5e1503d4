import pytest

from vectorflow_agent.core.status import pipeline_state
from vectorflow_agent.core.types import CRASH_LIMIT, Phase, Refusal, State
from vectorflow_wire.bundles import BundlePipeline
from vectorflow_wire.messages import PipelineState

SPEC = BundlePipeline(id="p", name="p", state="run")


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, PipelineState.STOPPED),
        ({"stopped": True}, PipelineState.STOPPED),
        ({"applied": SPEC, "live": 1}, PipelineState.RUNNING),
        ({"applied": SPEC, "live": 1, "phase": Phase.PREPARING}, PipelineState.RUNNING),
        ({"applied": SPEC, "live": 1, "phase": Phase.STOPPING}, PipelineState.STOPPING),
        ({"phase": Phase.PREPARING}, PipelineState.STARTING),
        ({"phase": Phase.BACKOFF}, PipelineState.REFUSED),
        ({"refused": Refusal("k", 0, "r")}, PipelineState.REFUSED),
        ({"applied": SPEC, "phase": Phase.BACKOFF}, PipelineState.BACKOFF),
        ({"applied": SPEC, "crashes": CRASH_LIMIT + 1, "live": 1}, PipelineState.CRASH_LOOP),
        ({"crashes": CRASH_LIMIT + 1, "phase": Phase.BACKOFF}, PipelineState.REFUSED),
    ],
)
def test_words(fields, word):
    assert pipeline_state(State(pipeline="p", **fields)) == word
