"""Errors of signing in and of sessions."""

from vectorflow.kernel.errors import VectorFlowError


class NotSignedInError(VectorFlowError, status=401, code="identity.not-signed-in"):
    """You are not signed in, or your session has ended; sign in again."""


class SignInFailedError(VectorFlowError, status=401, code="identity.sign-in-failed"):
    """E-mail address or password is wrong."""


class TooManyAttemptsError(VectorFlowError, status=429, code="identity.too-many-attempts"):
    """Too many attempts to sign in; wait as long as Retry-After says."""


class BusyError(VectorFlowError, status=503, code="identity.busy"):
    """Too many people are signing in at this moment; try again in a few seconds."""


class SessionNotFoundError(VectorFlowError, status=404, code="identity.session-not-found"):
    """You have no such session."""


class AccountInvalidError(VectorFlowError, status=422, code="identity.account-invalid"):
    """An account needs a valid e-mail address, a name, and a password of at least 12 characters."""


class AccountNotFoundError(VectorFlowError, status=404, code="identity.account-not-found"):
    """There is no account with this address."""


class OnlyOwnerError(VectorFlowError, status=409, code="identity.only-owner"):
    """The account is the only owner of organisations; make somebody else an owner, or delete them, first."""
