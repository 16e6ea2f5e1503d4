"""Entity tags: a write must name the version it has seen."""

import hashlib

from vectorflow.kernel.errors import VectorFlowError
from vectorflow.platform.http.asgi import AnyRequest


class PreconditionRequiredError(VectorFlowError, status=428, code="platform.precondition-required"):
    """Send If-Match with the ETag of the version you have seen."""


class StaleVersionError(VectorFlowError, status=412, code="platform.stale-version"):
    """Somebody changed this meanwhile; read it again and repeat your change on the new version."""


def etag(*parts: object) -> str:
    """Return a strong entity tag for a version, from whatever makes it one (id, version number, …)."""
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()
    return f'"{digest[:32]}"'


def if_match(request: AnyRequest) -> str:
    """Return the request's If-Match. Raises `PreconditionRequiredError` when there is none."""
    value = request.headers.get("if-match")
    if not value or not value.strip():
        raise PreconditionRequiredError
    return value.strip()


def require_match(given: str, current: str) -> None:
    """Compare an If-Match with the present tag; `*` is not accepted, it would overwrite unseen.

    Raises `StaleVersionError` carrying the present tag in its ETag header.
    """
    if current not in [tag.strip() for tag in given.split(",")]:
        raise StaleVersionError(headers={"ETag": current})


def not_modified(request: AnyRequest, current: str) -> bool:
    """Tell whether the client already has this version (If-None-Match, weak comparison)."""
    value = request.headers.get("if-none-match", "")
    return current in [tag.strip().removeprefix("W/") for tag in value.split(",")]
