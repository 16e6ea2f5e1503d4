"""Errors of the log."""

from vectorflow.kernel.errors import VectorFlowError


class AuditEntryTooLargeError(VectorFlowError, status=422, code="audit.entry-too-large"):
    """This change is too large to be recorded, so it was not made; make it in smaller parts."""
