"""Cross-site request forgery: where a request comes from, and a token only our own page can read."""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from vectorflow.kernel.errors import VectorFlowError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_HEADER = "x-csrf-token"  # noqa: S105 - the name of a header


class CrossSiteError(VectorFlowError, status=403, code="platform.cross-site-request"):
    """This request comes from another site's page and was not carried out."""


class CsrfTokenError(VectorFlowError, status=403, code="platform.csrf-token-invalid"):
    """Send the session's csrf_token in the X-CSRF-Token header."""


def check_origin(headers: Mapping[str, str], base_url: str | None) -> None:
    """Refuse what a browser says comes from another site. Raises `CrossSiteError`.

    Programs send neither header; they are held by the token, which needs the session's own answer.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise CrossSiteError
        return
    origin = headers.get("origin")
    if origin is None:
        return
    ours = {headers.get("host", "").lower()}
    if base_url:
        ours.add(urlsplit(base_url).netloc.lower())
    if urlsplit(origin).netloc.lower() not in ours - {""}:
        raise CrossSiteError


def check_token(headers: Mapping[str, str], expected: str) -> None:
    """Compare the token in constant time. Raises `CsrfTokenError`."""
    given = headers.get(TOKEN_HEADER, "")
    if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
        raise CsrfTokenError
