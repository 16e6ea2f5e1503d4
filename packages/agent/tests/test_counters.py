from vectorflow_agent.core.counters import CounterBook
from vectorflow_wire.messages import ComponentCounters, Durations


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


def test_durations_go_on_over_processes_too():
    def timed(**buckets):
        count = sum(buckets.values())
        took = Durations(count=count, total_us=count * 10, buckets=buckets)
        return {"a": ComponentCounters(id="a", latency=took, buffer_max_events=500)}

    book = CounterBook(since=1)
    book.seen("1", timed(x=3, y=1))
    book.ended_except(set())
    (row,) = book.totals(None)
    assert (row.latency.count, row.buffer_max_events) == (4, 0)
    book.seen("2", timed(y=2, z=1))
    (row,) = book.totals("2")
    assert row.latency == Durations(count=7, total_us=70, buckets={"x": 3, "y": 3, "z": 1})
    assert (row.lag, row.buffer_max_events) == (None, 500)
    # An engine of before that measured nothing takes nothing away.
    book.seen("2", {"a": ComponentCounters(id="a")})
    assert book.totals("2")[0].latency.count == 4


def test_only_components_of_the_current_revision_are_shown_and_none_is_forgotten():
    book = CounterBook(since=1)
    book.seen("1", reading(a=10, b=1))
    book.ended_except(set())
    book.seen("2", reading(a=3))
    assert total(book, "2") == {"a": (13, 13)}
    book.ended_except(set())
    book.seen("3", reading(b=1))
    assert total(book, "3") == {"b": (2, 2)}
