"""`fleet.gathering`: askers of one moment share a statement, and each learns how it ended."""

import asyncio
import uuid

import pytest

from vectorflow.fleet.gathering import Gathering, News
from vectorflow.platform.database import DatabaseUnavailable


class Table:
    """Loads the keys it knows, and counts how often."""

    def __init__(self, failure: BaseException | None = None) -> None:
        self.loads: list[list[int]] = []
        self.failure = failure

    async def load(self, keys: list[int]) -> dict[int, str]:
        self.loads.append(keys)
        if self.failure is not None:
            raise self.failure
        return {key: f"value {key}" for key in keys if key < 10}


async def test_each_gets_its_own_value_from_one_load() -> None:
    table = Table()
    gathering = Gathering(table.load)
    answers = await asyncio.gather(*(gathering.get(key) for key in (1, 2, 1, 99)))
    assert answers == ["value 1", "value 2", "value 1", None]
    assert table.loads == [[1, 2, 99]]
    assert await gathering.get(1) == "value 1"
    assert len(table.loads) == 2


@pytest.mark.parametrize("failure", [OSError("gone"), asyncio.CancelledError()])
async def test_all_are_told_of_a_failure(failure) -> None:
    gathering = Gathering(Table(failure).load)
    answers = await asyncio.gather(*(gathering.get(key) for key in (1, 2)), return_exceptions=True)
    assert {type(each) for each in answers} == {
        OSError if isinstance(failure, OSError) else DatabaseUnavailable
    }
    await gathering.close()


async def test_who_goes_away_takes_nobody_along() -> None:
    gathering = Gathering(Table().load)
    leaving = asyncio.create_task(gathering.get(1))
    staying = asyncio.create_task(gathering.get(1))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "value 1"


def test_news_are_noted_for_those_who_read_at_the_time() -> None:
    news, first, second = News(), uuid.uuid4(), uuid.uuid4()
    news.told(first)
    with news.during() as outer:
        with news.during() as inner:
            news.told(first)
        news.told(second)
        news.told(None)
    assert (outer, inner) == ({first, second, None}, {first})
