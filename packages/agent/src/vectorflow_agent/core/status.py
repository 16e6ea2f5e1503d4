"""A pipeline's state in the words of the heartbeat."""

from vectorflow_agent.core.types import CRASH_LIMIT, Phase, State
from vectorflow_wire.messages import PipelineState


def pipeline_state(state: State) -> str:
    """The word for heartbeats, one of `messages.PipelineState`."""
    if state.phase == Phase.STOPPING:
        return PipelineState.STOPPING
    if state.crashes > CRASH_LIMIT and state.applied is not None:
        return PipelineState.CRASH_LOOP
    if state.live is not None:
        return PipelineState.RUNNING
    if state.phase == Phase.BACKOFF:
        return PipelineState.REFUSED if state.applied is None else PipelineState.BACKOFF
    if state.phase == Phase.IDLE:
        return PipelineState.REFUSED if state.refused and not state.stopped else PipelineState.STOPPED
    return PipelineState.STARTING
