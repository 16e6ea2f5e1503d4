"""Ids sort by the time they were made, and are read back only in their one form."""

import threading

import pytest

from vectorflow.kernel.ids import new_id, parse_id


def test_ids_increase_and_are_version_7() -> None:
    made = [new_id() for _ in range(5000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(each.version, each.variant) for each in made} == {(7, "specified in RFC 4122")}


def test_threads_never_get_the_same() -> None:
    made: list[list[object]] = [[] for _ in range(4)]
    threads = [
        threading.Thread(target=lambda into=into: into.extend(new_id() for _ in range(2000))) for into in made
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({each for part in made for each in part}) == 8000


@pytest.mark.parametrize("text", ["", "x", "{%s}", "urn:uuid:%s", "%s ", "\x00", "1" * 32])
def test_what_is_no_id_is_none(text: str) -> None:
    assert parse_id(text.replace("%s", str(new_id()))) is None


def test_an_id_is_read_back() -> None:
    made = new_id()
    assert parse_id(str(made)) == made
    assert parse_id(str(made).upper()) == made
