"""`fleet.changes`: what the signer takes when, and what is gathered."""

from uuid import uuid4

from vectorflow.fleet.changes import GATHER_SECONDS, MOST_GATHERED, Changes, Work

ONE, OTHER = uuid4(), uuid4()
A, B, C = uuid4(), uuid4(), uuid4()


def test_nothing_is_due_while_nothing_waits() -> None:
    changes = Changes()
    assert changes.due_at() is None
    assert changes.take(100.0) == {}


def test_a_change_is_taken_at_once_and_once() -> None:
    changes = Changes()
    changes.changed(ONE, statements=True)
    changes.changed(ONE)
    changes.changed(OTHER)
    assert changes.due_at() == 0.0
    assert changes.take(5.0) == {ONE: Work(statements=True), OTHER: Work()}
    changes.changed(ONE)
    assert changes.take(5.0) == {ONE: Work()}


def test_a_lonely_node_does_not_wait() -> None:
    changes = Changes()
    changes.enrolled(ONE, [A])
    assert (changes.due_at() or 0.0) <= 0.5
    assert changes.take(0.5) == {ONE: Work(frozenset([A]))}
    assert changes.due_at() is None


def test_those_that_follow_are_gathered() -> None:
    changes = Changes()
    changes.enrolled(ONE, [A])
    changes.take(10.0)
    changes.enrolled(ONE, [B])
    changes.enrolled(OTHER, [A])
    changes.enrolled(ONE, [C, B])
    assert changes.take(10.5) == {OTHER: Work(frozenset([A]))}
    assert changes.due_at() == 10.0 + GATHER_SECONDS
    assert changes.take(10.0 + GATHER_SECONDS) == {ONE: Work(frozenset([B, C]))}
    assert changes.take(100.0) == {}


def test_a_change_takes_those_along_who_are_gathered() -> None:
    changes = Changes()
    changes.enrolled(ONE, [A])
    changes.take(10.0)
    changes.enrolled(ONE, [B])
    changes.changed(ONE)
    changes.enrolled(ONE, [C])
    assert changes.take(10.1) == {ONE: Work()}
    assert changes.take(100.0) == {}


def test_very_many_nodes_are_a_change_of_the_organisation() -> None:
    changes = Changes()
    changes.enrolled(ONE, [A])
    changes.take(10.0)
    changes.enrolled(ONE, [uuid4() for _ in range(MOST_GATHERED)])
    assert changes.take(10.1) == {}
    changes.enrolled(ONE, [A])
    assert changes.take(10.2) == {ONE: Work()}


def test_what_was_taken_long_ago_is_not_remembered() -> None:
    changes = Changes()
    for number in range(10):
        changes.enrolled(uuid4(), [A])
        changes.take(number * 2 * GATHER_SECONDS)
    assert len(changes._taken_at) == 1
