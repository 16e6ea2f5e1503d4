"""When groups are under maintenance: weekly windows in a time zone, and what somebody declared. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from vectorflow.fleet.errors import MaintenanceInvalid
from vectorflow.fleet.group_types import GroupRow, Window
from vectorflow.kernel.errors import FieldError

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def zone(name: str) -> ZoneInfo:
    """Return a time zone by its name. Raises `MaintenanceInvalid`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        message = "this is not the name of a time zone, like Europe/Berlin"
        raise MaintenanceInvalid(errors=[FieldError("timezone", message)]) from None


def in_window(windows: Iterable[Window], timezone: str, now: datetime) -> bool:
    """Tell whether a moment is in one of the weekly windows.

    A window begins by the wall clock and lasts as long as it says in real time, also when clocks change meanwhile.
    """
    place = zone(timezone)
    today = now.astimezone(place).date()
    for window in windows:
        hour, minute = (int(part) for part in window.start.split(":"))
        # A window of up to a week may have begun on any of the last seven days.
        for back in range(8):
            day = today - timedelta(days=back)
            if _DAYS[day.weekday()] not in window.days:
                continue
            begin = datetime(day.year, day.month, day.day, hour, minute, tzinfo=place)
            # Compared and added in UTC: arithmetic within a zone would ignore the change of its clocks.
            began = begin.timestamp()
            if began <= now.timestamp() < began + window.minutes * 60:
                return True
    return False


def declared(since: datetime | None, until: datetime | None, now: datetime) -> bool:
    """Tell whether declared maintenance is in force."""
    return since is not None and since <= now and (until is None or now < until)


def resting_groups(groups: Sequence[GroupRow], now: datetime) -> list[UUID]:
    """Return the groups that are under maintenance now."""
    return [each.id for each in groups if group_rests(each, now)]


def group_rests(group: GroupRow, now: datetime) -> bool:
    """Tell whether a group is under maintenance now."""
    return declared(group.maintenance_since, group.maintenance_until, now) or in_window(
        [window_of(each) for each in group.windows], group.timezone, now
    )


def window_of(stored: dict[str, object]) -> Window:
    """Return a window as it was stored."""
    return Window(days=list(stored["days"]), start=str(stored["start"]), minutes=int(str(stored["minutes"])))  # type: ignore[call-overload]
