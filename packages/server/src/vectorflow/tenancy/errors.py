"""Errors of organisations, teams and environments."""

from vectorflow.kernel.errors import VectorFlowError


class OrganizationNotFoundError(VectorFlowError, status=404, code="tenancy.organization-not-found"):
    """There is no such organisation, or you are not a member of it."""


class EnvironmentNotFoundError(VectorFlowError, status=404, code="tenancy.environment-not-found"):
    """There is no such environment, or none of your teams owns it."""


class PermissionDeniedError(VectorFlowError, status=403, code="tenancy.permission-denied"):
    """Your role does not allow this; ask an administrator of the organisation or the team."""


class SlugTakenError(VectorFlowError, status=409, code="tenancy.slug-taken"):
    """This name in addresses is or was in use; choose another."""
