"""Routes for writing VRL: the reference of its functions, compiling and trying a program."""

import functools
import hashlib
from typing import Any, Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.http.answers import DOCUMENT_ERRORS, ENVIRONMENT
from vectorflow.pipelines.programs import MOST_BODY_BYTES, ProgramService
from vectorflow.platform.http.asgi import AnyRequest
from vectorflow.platform.http.etag import not_modified
from vectorflow.tenancy.types import Access
from vectorflow_engine.vrl.examples import VrlExample, examples
from vectorflow_engine.vrl.functions import VrlArgument, functions


class VrlFunctionHelp(msgspec.Struct):
    """One function of VRL. `compiles_here` tells whether this server can compile it; nodes may know more.

    `example` has no result where that differs by time, chance or place.
    """

    name: str
    category: str
    summary: str
    signature: str
    arguments: tuple[VrlArgument, ...]
    returns: tuple[str, ...]
    fallible: bool
    compiles_here: bool
    since: str | None
    deprecated: bool
    example: VrlExample | None


class VrlFunctionList(msgspec.Struct):
    """All functions, by name."""

    items: list[VrlFunctionHelp]


class ProgramCheck(msgspec.Struct, forbid_unknown_fields=True):
    """A program, or a condition, to be compiled."""

    program: str
    kind: Literal["program", "condition"] = "program"


class ProgramDiagnostic(msgspec.Struct):
    """One complaint; line and column count from 1."""

    message: str
    line: int
    column: int
    severity: Literal["error", "note"]


class ProgramChecked(msgspec.Struct):
    """What the compiler says; nothing for a good program."""

    diagnostics: list[ProgramDiagnostic]


class ProgramRun(msgspec.Struct, forbid_unknown_fields=True):
    """A program to be tried on events; nothing is kept."""

    program: str
    events: list[dict[str, Any]]


class ProgramResult(msgspec.Struct):
    """What became of one event: `ok` with what it turned into, `error` or `abort` with the reason."""

    outcome: Literal["ok", "error", "abort"]
    events: list[Any]
    message: str


class ProgramRan(msgspec.Struct):
    """A result for each event, in order; none where the program does not compile or had to be stopped."""

    diagnostics: list[ProgramDiagnostic]
    results: list[ProgramResult]


@get(
    "/vrl/functions",
    operation_id="listVrlFunctions",
    summary="Every function of VRL",
    tags=["pipelines"],
    own_session=True,
)
async def list_vrl_functions(request: AnyRequest) -> Response[VrlFunctionList]:
    """Answer with the reference, which never changes while the process lives."""
    body, tag = _functions()
    headers = {"ETag": tag, "Cache-Control": "private, max-age=300"}
    answer: Any = None
    status = 304
    if not not_modified(request, tag):
        answer, status = body, 200
    return Response(answer, status_code=status, headers=headers, media_type="application/json")


@post(
    ENVIRONMENT + "/vrl/check",
    operation_id="checkProgram",
    summary="Compile a program",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
)
async def check_program(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[ProgramCheck],
    access: NamedDependency[Access],
    programs: NamedDependency[ProgramService],
) -> ProgramChecked:
    """Compile a program and say what is wrong with it."""
    del org, env
    found = await programs.compile(access.organization_id, data.program, data.kind)
    return ProgramChecked([ProgramDiagnostic(d.message, d.line, d.column, d.severity) for d in found])


@post(
    ENVIRONMENT + "/vrl/run",
    operation_id="runProgram",
    summary="Try a program on events",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def run_program(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[ProgramRun],
    access: NamedDependency[Access],
    programs: NamedDependency[ProgramService],
) -> ProgramRan:
    """Run a program on each event, away from network, files and other organisations."""
    del org, env
    ran = await programs.run(access.organization_id, data.program, data.events)
    return ProgramRan(
        [ProgramDiagnostic(d.message, d.line, d.column, d.severity) for d in ran.diagnostics],
        [ProgramResult(each.outcome, each.events, each.message) for each in ran.results],
    )


@functools.cache
def _functions() -> tuple[bytes, str]:
    items = [
        VrlFunctionHelp(
            name=each.name,
            category=each.category,
            summary=each.summary,
            signature=each.signature,
            arguments=each.arguments,
            returns=each.returns,
            fallible=each.fallible,
            compiles_here=each.compiles_here,
            since=each.since,
            deprecated=each.deprecated,
            example=examples().get(each.name),
        )
        for each in functions()
    ]
    body = msgspec.json.encode(VrlFunctionList(items))
    return body, f'"{hashlib.sha256(body).hexdigest()}"'
