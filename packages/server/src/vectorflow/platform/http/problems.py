"""RFC 9457 problems: the one form every error is answered in.

An answer says what to do and carries an id that is in the log; it never carries a trace or SQL.
"""

import msgspec
import psycopg
import structlog
from litestar import Response
from litestar.exceptions import HTTPException, ValidationException

from vectorflow.kernel.errors import FieldError, VectorFlowError
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.context import request_context
from vectorflow.platform.logs import escape_controls

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An error: `type` is stable and made for programs, `detail` for people, `id` is in our log."""

    type: str
    title: str
    status: int
    detail: str
    id: str
    errors: list[FieldError] = []


class InvalidRequestError(VectorFlowError, status=400, code="platform.invalid-request"):
    """The request is not valid; correct it and send it again."""


class NoSuchPageError(VectorFlowError, status=404, code="platform.no-such-path"):
    """There is nothing at this address; see /api/docs for what there is."""


class MethodError(VectorFlowError, status=405, code="platform.method-not-allowed"):
    """This address does not answer that method; see the Allow header."""


class TooLargeError(VectorFlowError, status=413, code="platform.too-large"):
    """The request is larger than this address accepts."""


class MediaTypeError(VectorFlowError, status=415, code="platform.unsupported-media-type"):
    """Send JSON, with Content-Type: application/json."""


class RefusedError(VectorFlowError, status=403, code="platform.refused"):
    """This is not allowed."""


class UnavailableError(VectorFlowError, status=503, code="platform.unavailable"):
    """The database cannot be reached right now; nothing was changed. Try again in a few seconds."""


_BY_STATUS: dict[int, type[VectorFlowError]] = {
    400: InvalidRequestError,
    403: RefusedError,
    404: NoSuchPageError,
    405: MethodError,
    413: TooLargeError,
    415: MediaTypeError,
}


def problem_of(error: VectorFlowError, request_id: str) -> Problem:
    """Return the problem that tells this error."""
    return Problem(
        type=error.problem_type(),
        title=error.title(),
        status=error.status,
        detail=escape_controls(error.detail),
        id=request_id,
        errors=[
            FieldError(escape_controls(each.field), escape_controls(each.message)) for each in error.errors
        ],
    )


def answer_error(request: AnyRequest, error: VectorFlowError) -> Response[Problem]:
    """Answer one of our own errors."""
    context = request_context(request.scope)
    if error.status >= 500:
        log.error(
            "http.failed", problem=error.code, detail=error.detail, path=request.scope["path"], exc_info=error
        )
    else:
        log.info("http.refused", problem=error.code, status=error.status, path=request.scope["path"])
    return Response(
        problem_of(error, context.id),
        status_code=error.status,
        media_type=MEDIA_TYPE,
        headers=dict(error.headers),
    )


def answer_unavailable(request: AnyRequest, error: DatabaseUnavailable) -> Response[Problem]:
    """Answer that the database cannot be reached."""
    log.warning("http.database-unavailable", cause=type(error.__cause__).__name__)
    return answer_error(request, UnavailableError(headers={"Retry-After": "5"}))


def answer_data_error(request: AnyRequest, error: psycopg.DataError) -> Response[Problem]:
    """Answer that something sent cannot be stored, such as a NUL character in a text."""
    log.warning("http.data-error", path=request.scope["path"], exc_info=error)
    return answer_error(
        request, InvalidRequestError("Some of what was sent holds characters that cannot be stored.")
    )


def answer_http_exception(request: AnyRequest, error: HTTPException) -> Response[Problem]:
    """Answer what the framework refused: unknown addresses, methods, bodies that do not parse."""
    known = _BY_STATUS.get(error.status_code)
    if known is None:
        return answer_unexpected(request, error)
    detail = None
    fields: list[FieldError] = []
    if isinstance(error, ValidationException):
        fields = _fields(error)
    elif known is InvalidRequestError:
        detail = _first_line(error.detail)
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    return answer_error(request, known(detail, errors=fields, headers=headers))


def answer_unexpected(request: AnyRequest, error: Exception) -> Response[Problem]:
    """Answer what nobody foresaw: the log has it all, the answer only the id."""
    context = request_context(request.scope)
    log.error("http.failed", problem=VectorFlowError.code, path=request.scope["path"], exc_info=error)
    body = problem_of(
        VectorFlowError("Something went wrong on our side. Try again; if it stays, report the id."),
        context.id,
    )
    return Response(body, status_code=500, media_type=MEDIA_TYPE)


def _first_line(text: str) -> str:
    return text.splitlines()[0][:300] if text else InvalidRequestError.title()


def _fields(error: ValidationException) -> list[FieldError]:
    extra = error.extra if isinstance(error.extra, list) else []
    return [
        FieldError(str(item.get("key", "")), str(item.get("message", ""))[:300])
        for item in extra[:50]
        if isinstance(item, dict)
    ]
