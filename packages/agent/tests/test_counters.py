from vectorflow_agent.core.counters import CounterBook
from vectorflow_wire.messages import ComponentCounters


def reading(**counts):
    return {
        name: ComponentCounters(
            id=name, kind="sink", received_events=count, sent_events={"_default": count}, buffer_events=count
        )
        for name, count in counts.items()
    }


def total(book, current):
    return {row.id: (row.received_events, row.sent_events["_default"]) for row in book.totals(current)}


def test_counters_go_on_over_processes():
    book = CounterBook(since=1)
    book.seen("1", reading(a=10))
    assert total(book, "1") == {"a": (10, 10)}
    book.ended_except(set())
    assert total(book, None) == {"a": (10, 10)}
    book.seen("2", reading(a=3))
    assert total(book, "2") == {"a": (13, 13)}


def test_two_processes_at_once_are_added_and_gauges_are_the_current_ones():
    book = CounterBook(since=1)
    book.seen("1", reading(a=10))
    book.seen("2", reading(a=3))
    (row,) = book.totals("2")
    assert (row.received_events, row.buffer_events) == (13, 3)


def test_only_components_of_the_current_revision_are_shown_and_none_is_forgotten():
    book = CounterBook(since=1)
    book.seen("1", reading(a=10, b=1))
    book.ended_except(set())
    book.seen("2", reading(a=3))
    assert total(book, "2") == {"a": (13, 13)}
    book.ended_except(set())
    book.seen("3", reading(b=1))
    assert total(book, "3") == {"b": (2, 2)}
