"""`vectorflow nodes secrets-limit`: the real command against a real server."""

import pytest

from vectorflow.entry.secrets_limit_cli import limit_read, limit_words

from .test_fleet_cli import address, command

__all__ = ["address", "command"]


async def test_the_limit_is_shown_set_taken_off_and_in_the_log(address, command, services, world) -> None:
    await command("login", address, "--email", world.email("owner"), "--password-file", command.password)
    words = ("nodes", "secrets-limit")
    assert await command(*words, place=world.slug) == (
        0, "Nodes keep secrets without contact for ever.\n"
    )  # fmt: skip
    code, said = await command(*words, "7d", place=f"{world.slug}/dev")
    assert (code, said.splitlines()[0]) == (0, "Nodes keep secrets without contact for 7 days."), said
    assert "outage" in said
    assert (await command(*words, place=world.slug))[1].endswith("for 7 days.\n")
    code, said = await command(*words, "for-ever", place=world.slug)
    assert (code, "outage" in said) == (0, False), said
    assert (await command(*words, place=world.slug))[1].endswith("for ever.\n")
    async with services.database.transaction(world.organization_id) as txn:
        told = await txn.value(
            """select jsonb_agg(jsonb_build_array(actor ->> 'account_id', after -> 'max_offline_seconds') order by sequence)
            from audit_records
            where organization_id = %(organization_id)s and action = 'secrets-on-nodes.changed'"""
        )
    assert told == [[str(world.people["owner"]), 7 * 86_400], [str(world.people["owner"]), None]]


async def test_who_may_not_is_told_and_changes_nothing(address, command, world) -> None:
    await command("login", address, "--email", world.email("deployer"), "--password-file", command.password)
    words = ("nodes", "secrets-limit")
    code, said = await command(*words, "1h", place=world.slug)
    assert (code, "(403)" in said) == (1, True), said
    code, said = await command(*words, place=world.slug)
    assert (code, "keys.read" in said) == (1, True), said
    for place, says in (("/dev", "which organisation"), ("nobody-here", "(404)")):
        code, said = await command(*words, place=place)
        assert (code, says in said) == (1, True), said


@pytest.mark.parametrize("text", ["0h", "91d", "2161h", "1m", "1", "h", "1.5d", "-1d", "ever", "\x1b[31m"])
def test_what_is_no_sensible_time_is_told(capsys, text) -> None:
    with pytest.raises(SystemExit):
        limit_read(text)
    said = capsys.readouterr().err
    assert "from 1h to 90d" in said
    assert "\x1b" not in said


def test_times_are_read_and_said() -> None:
    assert [limit_read(text) for text in ("1h", "36h", "90d", "for-ever")] == [3600, 129_600, 7_776_000, None]
    assert [limit_words(seconds) for seconds in (None, 3600, 129_600, 86_400, 5400, 3601)] == [
        "for ever", "for 1 hour", "for 36 hours", "for 1 day", "for 90 minutes", "for 3601 seconds",
    ]  # fmt: skip
