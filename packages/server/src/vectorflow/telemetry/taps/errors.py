"""What can go wrong with taps and captures. No message holds an event."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError, VectorFlowError


class TapNotFound(NotFoundError, status=404, code="telemetry.tap-not-found"):
    """There is no such tap of yours here."""


class TapInvalid(InvalidInputError, status=422, code="telemetry.tap-invalid"):
    """The tap cannot be opened as it was asked for."""


class TapNowhere(ConflictError, status=409, code="telemetry.tap-nowhere"):
    """The pipeline runs on no node that can be asked now. Deploy it first, or choose another node."""


class TooManyTaps(VectorFlowError, status=429, code="telemetry.too-many-taps"):
    """Too many taps are open. Stop one first."""


class CaptureNotFound(NotFoundError, status=404, code="telemetry.capture-not-found"):
    """There is no such capture here; it may have expired."""


class CaptureInvalid(InvalidInputError, status=422, code="telemetry.capture-invalid"):
    """The events cannot be kept as they were sent."""


class TooManyCaptures(ConflictError, status=409, code="telemetry.too-many-captures"):
    """The environment has as many captures as it may have. Erase one first."""
