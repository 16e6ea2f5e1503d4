import logging

from vectorflow_agent.shell.told import Told


def test_the_same_is_said_once_until_it_changes_or_is_well_again(caplog):
    told = Told(logging.getLogger("test"))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            told.warn("gateway", "down")
        assert told.current() == ["gateway: down"]
        told.warn("gateway", "odd")
        told.well("gateway", "up")
        told.well("gateway", "up")
    assert [record.getMessage() for record in caplog.records] == [
        "gateway: down",
        "gateway: odd",
        "gateway: up",
    ]
    assert told.current() == []
