"""The root of all errors that a person or a program may be shown.

A room declares its errors as leaves: `class SecretInUse(VectorFlowError, status=409,
code="vault.secret-in-use")`. The docstring is the message; `detail` says more about the one case
and must never hold a secret, SQL or a trace.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import msgspec

from vectorflow_wire.messages import PROBLEM_PREFIX

_CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9-]*")


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field of a request: its path, and a sentence that says what to do."""

    field: str
    message: str


class VectorFlowError(Exception):
    """Something went wrong on our side."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "kernel.internal"

    def __init_subclass__(cls, *, status: int | None = None, code: str | None = None) -> None:
        super().__init_subclass__()
        if not (cls.__doc__ or "").strip():
            message = f"{cls.__name__} needs a docstring: it is the message people read"
            raise TypeError(message)
        if status is not None:
            cls.status = status
        if code is not None:
            if not _CODE.fullmatch(code):
                message = f"{cls.__name__}: {code!r} is not of the form <module>.<name>"
                raise TypeError(message)
            cls.code = code

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title())
        self.detail = detail or self.title()
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @classmethod
    def title(cls) -> str:
        """Return the message all errors of this class share: the first line of the docstring."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def problem_type(cls) -> str:
        """Return the stable RFC 9457 `type`."""
        return PROBLEM_PREFIX + cls.code


def declared_errors() -> Iterator[type[VectorFlowError]]:
    """Yield the root and every error class declared so far that has a code of its own."""
    pending: list[type[VectorFlowError]] = [VectorFlowError]
    while pending:
        cls = pending.pop()
        if "code" in vars(cls):
            yield cls
        pending.extend(cls.__subclasses__())


class NotFoundError(VectorFlowError, status=404, code="kernel.not-found"):
    """There is no such thing here, or you may not know of it."""


class ConflictError(VectorFlowError, status=409, code="kernel.conflict"):
    """This does not fit the present state."""


class InvalidInputError(VectorFlowError, status=422, code="kernel.invalid-input"):
    """Some of what was sent is not valid."""
