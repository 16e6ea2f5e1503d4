"""The words all rooms share keep their form."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from vectorflow.kernel import events
from vectorflow.kernel.actor import SYSTEM, Actor, ActorKind
from vectorflow.kernel.audit import AuditAction, AuditEntry
from vectorflow.kernel.clock import SystemClock, rfc3339
from vectorflow.kernel.permissions import Permission


@pytest.mark.parametrize("words", [Permission, AuditAction])
def test_words_are_dotted_and_named_after_themselves(words) -> None:
    for each in words:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*", each.value)
        assert each.name.lower() == re.sub(r"[.-]", "_", each.value)


def test_moments_are_utc_with_milliseconds() -> None:
    moment = datetime(2026, 3, 1, 12, 0, 0, 123999, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-03-01T10:00:00.123Z"
    with pytest.raises(ValueError, match="time zone"):
        rfc3339(datetime(2026, 3, 1))  # noqa: DTZ001
    assert SystemClock().now().tzinfo is UTC


def test_actors_and_entries_cannot_be_changed() -> None:
    entry = AuditEntry(
        action=AuditAction.TEAM_CREATED, actor=SYSTEM, object_type="team", object_id="1", summary="s"
    )
    with pytest.raises(AttributeError):
        entry.summary = "t"  # type: ignore[misc]
    assert Actor(kind=ActorKind.ACCOUNT, name="A").account_id is None
    assert events.Topic.SESSION == "identity.session"
