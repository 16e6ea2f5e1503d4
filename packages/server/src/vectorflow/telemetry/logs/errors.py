"""What can go wrong with log lines."""

from vectorflow.kernel.errors import VectorFlowError


class LogQuotaReached(VectorFlowError, status=429, code="telemetry.log-quota"):
    """The organisation's log lines of today have used up its quota; agents keep what they can and try again."""


class LogsBusy(VectorFlowError, status=429, code="telemetry.logs-busy"):
    """The gateway holds as many log lines as it can; send the batch again after Retry-After seconds."""
