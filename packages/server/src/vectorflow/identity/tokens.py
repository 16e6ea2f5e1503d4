"""Session tokens: 256 random bits in the cookie, only their SHA-256 in the database."""

import hashlib
import hmac
import re
import secrets

_FORM = re.compile(r"[A-Za-z0-9_-]{43}")


def new_token() -> str:
    """Return a new session token."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Tell whether a text has a token's form, before anything is asked about it."""
    return _FORM.fullmatch(text) is not None


def token_hash(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def csrf_token(token: str) -> str:
    """Return the CSRF token of a session: derived, so that it needs no column and cannot be swapped."""
    return hmac.new(token.encode(), b"vectorflow.csrf", hashlib.sha256).hexdigest()
