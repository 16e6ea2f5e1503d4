"""What can go wrong with alerts. No message holds where a channel leads."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class ChannelNotFound(NotFoundError, status=404, code="alerts.channel-not-found"):
    """There is no such channel here, or you may not know of it."""


class ChannelInvalid(InvalidInputError, status=422, code="alerts.channel-invalid"):
    """The channel cannot be kept as it was sent."""


class ChannelNameTaken(ConflictError, status=409, code="alerts.channel-name-taken"):
    """This environment has a channel of this name already. Choose another name."""


class ChannelInUse(ConflictError, status=409, code="alerts.channel-in-use"):
    """Rules tell this channel. Take it out of them first."""


class RuleNotFound(NotFoundError, status=404, code="alerts.rule-not-found"):
    """There is no such alert rule here, or you may not know of it."""


class RuleInvalid(InvalidInputError, status=422, code="alerts.rule-invalid"):
    """The alert rule cannot be kept as it was sent."""


class RuleNameTaken(ConflictError, status=409, code="alerts.rule-name-taken"):
    """This environment has an alert rule of this name already. Choose another name."""


class TooManyAlerts(ConflictError, status=409, code="alerts.too-many"):
    """No more are kept in this environment. Delete what is not needed any more."""


class IncidentNotFound(NotFoundError, status=404, code="alerts.incident-not-found"):
    """There is no such incident here, or you may not know of it."""
