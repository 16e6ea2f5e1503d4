"""Errors of organisations, teams and environments."""

from vectorflow.kernel.errors import VectorFlowError


class OrganizationNotFoundError(VectorFlowError, status=404, code="tenancy.organization-not-found"):
    """There is no such organisation, or you are not a member of it."""


class EnvironmentNotFoundError(VectorFlowError, status=404, code="tenancy.environment-not-found"):
    """There is no such environment, or none of your teams owns it."""


class PermissionDeniedError(VectorFlowError, status=403, code="tenancy.permission-denied"):
    """Your role does not allow this; ask an administrator of the organisation or the team."""


class OrganizationSuspendedError(VectorFlowError, status=423, code="tenancy.organization-suspended"):
    """The organisation is suspended: everything can be read, nothing changed. Ask whoever runs this installation."""


class OrganizationLeavingError(VectorFlowError, status=423, code="tenancy.organization-leaving"):
    """The organisation is to be deleted: everything can be read, nothing changed. An owner can still cancel that."""


class SlugMismatchError(VectorFlowError, status=422, code="tenancy.slug-mismatch"):
    """To confirm, type the organisation's name in addresses exactly."""


class DeletionStateError(VectorFlowError, status=409, code="tenancy.deletion-state"):
    """Deletion was asked for already, or there is none to cancel; look at the organisation again."""


class ExportNotFoundError(VectorFlowError, status=404, code="tenancy.export-not-found"):
    """There is no such export, or its day is over; make a new one."""


class ExportNotReadyError(VectorFlowError, status=409, code="tenancy.export-not-ready"):
    """The export is still being made, or failed; look at its state."""


class ExportUnreadableError(VectorFlowError, status=422, code="tenancy.export-unreadable"):
    """The file is not a whole export of an organisation, or it was changed."""


class SlugTakenError(VectorFlowError, status=409, code="tenancy.slug-taken"):
    """This name in addresses is or was in use; choose another."""
