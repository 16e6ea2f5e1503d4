"""`platform.shared_commits`: many callers, one commit, one end for all of them."""

import asyncio
import uuid

import pytest

from vectorflow.platform.shared_commits import SharedCommits


class Transactions:
    """Stands for the database: counts transactions."""

    def __init__(self) -> None:
        self.count = 0

    def transaction(self, organization_id):
        return self

    async def __aenter__(self):
        self.count += 1
        return self

    async def __aexit__(self, *_):
        return None


async def test_callers_of_one_organisation_share_a_commit_and_others_do_not() -> None:
    written = []

    async def write(_txn, items):
        written.append(sorted(items))

    database = Transactions()
    commits = SharedCommits(database, "things", write)
    one, two = uuid.uuid4(), uuid.uuid4()
    await asyncio.gather(*(commits.add(one, n) for n in range(5)), commits.add(two, 9))
    assert sorted(written) == [[0, 1, 2, 3, 4], [9]]
    assert database.count == 2


async def test_all_learn_of_a_failure_and_the_next_commit_goes_on() -> None:
    async def write(_txn, items):
        if "bad" in items:
            raise ValueError("no")

    commits = SharedCommits(Transactions(), "things", write)
    one = uuid.uuid4()
    ended = await asyncio.gather(commits.add(one, "good"), commits.add(one, "bad"), return_exceptions=True)
    assert [type(each) for each in ended] == [ValueError, ValueError]
    await commits.add(one, "good")


async def test_a_caller_that_goes_away_takes_nobody_along() -> None:
    written = []

    async def write(_txn, items):
        written.extend(items)

    commits = SharedCommits(Transactions(), "things", write)
    one = uuid.uuid4()
    gone = asyncio.create_task(commits.add(one, "gone"))
    stays = asyncio.create_task(commits.add(one, "stays"))
    await asyncio.sleep(0)
    gone.cancel()
    await stays
    await commits.close()
    assert written == ["gone", "stays"]
    with pytest.raises(asyncio.CancelledError):
        await gone
