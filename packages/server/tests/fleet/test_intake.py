"""`fleet.intake`: reports of many callers share a commit, and all learn how it ended."""

import asyncio
import time
import uuid

import pytest
from nacl.signing import SigningKey
from tests.patience import patience

from vectorflow.fleet.errors import AgentRequestInvalid
from vectorflow.fleet.intake import MOST_REPORTS, ReportIntake
from vectorflow.fleet.types import NodeAuthority
from vectorflow.platform.database import DatabaseUnavailable
from vectorflow_wire import envelope, keys, messages

PAIR = SigningKey.generate()
SIGNER = envelope.MemorySigner(PAIR, keys.key_id(bytes(PAIR.verify_key)))
ORGANIZATION = uuid.uuid4()


class CountingDatabase:
    """Counts transactions; stores nothing, or fails."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.transactions, self.failure = 0, failure

    def transaction(self, organization_id):
        assert organization_id == ORGANIZATION
        return self

    async def __aenter__(self):
        self.transactions += 1
        if self.failure is not None:
            raise self.failure
        return self

    async def __aexit__(self, *_):
        return None

    async def rows(self, into, sql, parameters):
        return []

    async def rows_of_ids(self, sql, parameters):
        return []


def authority() -> NodeAuthority:
    return NodeAuthority(ORGANIZATION, "acme", uuid.uuid4(), uuid.uuid4(), b"", bytes(PAIR.verify_key), b"")


def request(of: NodeAuthority, count: int = 1) -> messages.ReportsRequest:
    reports = (
        messages.Report(node=str(of.node_id), sequence=n, at=1, kind="applied") for n in range(1, count + 1)
    )
    return messages.ReportsRequest(
        reports=tuple(envelope.sign(envelope.REPORT, each, SIGNER) for each in reports)
    )


async def test_callers_of_the_same_moment_share_a_commit() -> None:
    database = CountingDatabase()
    intake = ReportIntake(database)
    began = time.monotonic()
    callers = [authority() for _ in range(20)]
    answers = await asyncio.gather(*(intake.take(each, request(each)) for each in callers))
    assert [answer.accepted for answer in answers] == [(1,)] * 20
    assert database.transactions == 1
    assert time.monotonic() - began < patience()


async def test_nobody_is_told_of_a_commit_that_failed() -> None:
    intake = ReportIntake(CountingDatabase(DatabaseUnavailable("down")))
    callers = [authority() for _ in range(3)]
    answers = await asyncio.gather(
        *(intake.take(each, request(each)) for each in callers), return_exceptions=True
    )
    assert all(isinstance(answer, DatabaseUnavailable) for answer in answers)


async def test_a_caller_that_goes_away_does_not_take_the_others_along() -> None:
    database = CountingDatabase()
    intake = ReportIntake(database)
    first, second = authority(), authority()
    leaving = asyncio.create_task(intake.take(first, request(first)))
    staying = asyncio.create_task(intake.take(second, request(second)))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).accepted == (1,)
    await intake.close()


async def test_there_is_an_end_to_what_one_request_may_hold() -> None:
    caller = authority()
    with pytest.raises(AgentRequestInvalid):
        await ReportIntake(CountingDatabase()).take(caller, request(caller, MOST_REPORTS + 1))
