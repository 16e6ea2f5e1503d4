import msgspec

from vectorflow_wire.taps import TapBatch, TapCondition, TapEvent, tap_events_path


def test_events_stay_as_they_are_written():
    event = TapEvent(at=1, component="in", kind="log", event=msgspec.Raw(b'{"a":1}'))
    batch = TapBatch(sequence=1, at=2, events=(event,))
    again = msgspec.json.decode(msgspec.json.encode(batch), type=TapBatch)
    assert bytes(again.events[0].event) == b'{"a":1}'
    assert (again.ended, again.dropped, again.events[0].cut) == ("", 0, False)


def test_what_is_not_known_is_skipped():
    told = msgspec.json.decode(b'{"path":".a","operator":"new","extra":1}', type=TapCondition)
    assert told == TapCondition(path=".a", operator="new")
    assert tap_events_path("t") == "/agent/v1/taps/t/events"
