"""What can go wrong with secrets. No message ever holds a value."""

from vectorflow.kernel.errors import ConflictError, InvalidInputError, NotFoundError


class SecretNotFound(NotFoundError, status=404, code="vault.secret-not-found"):
    """There is no such secret here, or you may not know of it."""


class SecretNameTaken(ConflictError, status=409, code="vault.secret-name-taken"):
    """This environment has a secret of this name already. Replace its value, or choose another name."""


class SecretInUse(ConflictError, status=409, code="vault.secret-in-use"):
    """Pipelines refer to this secret. Take it out of them, or delete them, first."""


class SecretInvalid(InvalidInputError, status=422, code="vault.secret-invalid"):
    """The secret cannot be kept as it was sent."""
