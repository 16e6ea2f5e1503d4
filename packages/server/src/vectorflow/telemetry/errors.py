"""What can go wrong with telemetry."""

from vectorflow.kernel.errors import VectorFlowError


class IngestFull(VectorFlowError, status=429, code="telemetry.ingest-full"):
    """The gateway cannot write as fast as heartbeats come; send the next one after Retry-After seconds."""


class MetricOfComponents(VectorFlowError, status=422, code="telemetry.metric-of-components"):
    """This metric is known of components alone, not of a whole pipeline. Name a component."""
