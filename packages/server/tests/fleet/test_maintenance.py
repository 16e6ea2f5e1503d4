import datetime as dt

import pytest

from vectorflow.fleet.errors import MaintenanceInvalid
from vectorflow.fleet.group_types import Window
from vectorflow.fleet.maintenance import declared, in_window, zone


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


NIGHT = Window(days=["sat"], start="22:00", minutes=240)


@pytest.mark.parametrize(
    ("moment", "timezone", "expected"),
    [
        ("2026-11-28 21:59", "UTC", False),
        ("2026-11-28 22:00", "UTC", True),
        ("2026-11-29 01:59", "UTC", True),  # past midnight, on the day after
        ("2026-11-29 02:00", "UTC", False),
        ("2026-11-28 20:59", "Europe/Berlin", False),
        ("2026-11-28 21:00", "Europe/Berlin", True),
        ("2026-11-29 03:00", "America/New_York", True),
    ],
)
def test_a_window_is_of_the_groups_own_clock(moment, timezone, expected) -> None:
    assert in_window([NIGHT], timezone, at(moment)) is expected


def test_a_window_lasts_as_long_as_it_says_when_clocks_change() -> None:
    # On 25 October 2026 clocks in Berlin go back at 03:00: the night is an hour longer by the wall.
    window = Window(days=["sun"], start="01:00", minutes=180)
    assert in_window([window], "Europe/Berlin", at("2026-10-25 01:59"))  # 02:59, for the second time
    assert not in_window([window], "Europe/Berlin", at("2026-10-25 02:01"))


def test_a_window_of_a_whole_week_never_ends() -> None:
    window = Window(days=["mon"], start="00:00", minutes=7 * 24 * 60)
    assert all(in_window([window], "UTC", at(f"2026-11-{day} 12:34")) for day in range(20, 30))


def test_what_somebody_declared() -> None:
    now = at("2026-11-28 12:00")
    hour = dt.timedelta(hours=1)
    assert declared(now, None, now)
    assert declared(now - hour, now + hour, now)
    assert not declared(now - hour, now, now)
    assert not declared(None, None, now)


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "", "/etc/localtime"])
def test_a_time_zone_that_is_none_is_refused(name) -> None:
    with pytest.raises(MaintenanceInvalid):
        zone(name)
