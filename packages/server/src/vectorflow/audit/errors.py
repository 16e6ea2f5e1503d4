"""Errors of the log."""

from vectorflow.kernel.errors import VectorFlowError


class AuditEntryTooLargeError(VectorFlowError, status=422, code="audit.entry-too-large"):
    """This change is too large to be recorded, so it was not made; make it in smaller parts."""


class AuditExportUnreadableError(VectorFlowError, status=422, code="audit.export-unreadable"):
    """This is no complete export of the log; export it as NDJSON without filters and verify that file."""


class AuditKeyUnsafeError(VectorFlowError, status=500, code="audit.key-unsafe"):
    """The key that signs checkpoints is damaged or readable by others; restore it from its backup, mode 0600."""


class AuditRecordNotFoundError(VectorFlowError, status=404, code="audit.record-not-found"):
    """The log of this organisation has no record of this number; the number of the newest stands on its page."""


class AuditSealRefusedError(VectorFlowError, status=502, code="audit.seal-refused"):
    """The key of the shipper gave no signature that can be checked; it must be an ECC_NIST_P256 key for signing."""


class AuditShippedUnreadableError(VectorFlowError, status=422, code="audit.shipped-unreadable"):
    """This is no folder of what the shipper wrote; download the whole prefix of the bucket and name that folder."""


class AuditShippingInvalidError(VectorFlowError, status=500, code="audit.shipping-invalid"):
    """The settings for shipping the log are not valid; correct them and start again."""
