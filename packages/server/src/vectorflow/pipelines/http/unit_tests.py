"""The route that runs a document's unit tests."""

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from vectorflow.kernel.permissions import Permission
from vectorflow.pipelines.http.answers import DOCUMENT_ERRORS, ENVIRONMENT
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.types import MOST_BODY_BYTES
from vectorflow.pipelines.unit_tests import UnitTestService
from vectorflow.platform.database import Database
from vectorflow.tenancy.types import Access
from vectorflow_engine.testing.types import Extracted, Failure, TestResult
from vectorflow_topology.compiler.unit_tests import unit_tests_config
from vectorflow_topology.document import Document


class UnitTestsRun(msgspec.Struct, forbid_unknown_fields=True):
    """A document whose unit tests are to be run; nothing is kept."""

    document: Document


class UnitTestResult(msgspec.Struct):
    """How one test went; `error` when it could not be run. `extracted` is what came out where it looks."""

    name: str
    outcome: str
    failures: list[Failure]
    extracted: list[Extracted]


class UnitTestResults(msgspec.Struct):
    """A result for each test, in order; none when they had to be `stopped`, which says why."""

    items: list[UnitTestResult]
    stopped: str | None


@post(
    ENVIRONMENT + "/unit-tests/run",
    operation_id="runUnitTests",
    summary="Run a document's unit tests",
    tags=["pipelines"],
    permission=Permission.PIPELINE_EDIT,
    status_code=200,
    request_max_body_size=MOST_BODY_BYTES,
    exception_handlers=DOCUMENT_ERRORS,
)
async def run_unit_tests(
    *,
    org: FromPath[str],
    env: FromPath[str],
    data: JSONBody[UnitTestsRun],
    access: NamedDependency[Access],
    database: NamedDependency[Database],
    pipelines: NamedDependency[PipelineService],
    unit_tests: NamedDependency[UnitTestService],
) -> UnitTestResults:
    """Run tests on the transforms alone, away from network, files and other organisations."""
    del org, env
    async with database.transaction(access.organization_id) as txn:
        around = await pipelines.surroundings(txn, access.environment_id, data.document)
    config = await pipelines.workbench.run(unit_tests_config, data.document, around)
    ran = await unit_tests.run(access.organization_id, config)
    return UnitTestResults([_shown(each) for each in ran.results], ran.stopped)


def _shown(result: TestResult) -> UnitTestResult:
    return UnitTestResult(result.name, result.outcome, result.failures, result.extracted)
