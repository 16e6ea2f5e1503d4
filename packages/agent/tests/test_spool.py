import contextlib
import os
import stat

import pytest

from vectorflow_agent.shell import spool as spool_module
from vectorflow_agent.shell.spool import Spool
from vectorflow_wire.messages import Report

REPORT = Report(node="n", sequence=0, at=1, kind="applied")


async def loaded(path):
    spool = Spool(path)
    await spool.load()
    return spool


def numbers(spool):
    return [report.sequence for report in spool.waiting(99)]


async def test_numbers_grow_over_restarts_and_acknowledgements(tmp_path):
    spool = await loaded(tmp_path)
    for _ in range(3):
        await spool.add(REPORT)
    assert numbers(spool) == [1, 2, 3]
    await spool.done([1, 2, 3])
    spool = await loaded(tmp_path)
    assert len(spool) == 0
    await spool.add(REPORT)
    assert numbers(spool) == [4]


@pytest.mark.parametrize("written", range(4))
async def test_whenever_it_is_killed_a_report_has_one_number_and_no_number_is_left_out(
    tmp_path, monkeypatch, written
):
    """The agent is killed after each of the writes that belong to what is applied and its report."""
    spool = await loaded(tmp_path / "spool")
    await spool.add(REPORT)
    kept = []

    async def keep(numbered):
        count(None)
        kept.extend(numbered)

    done = 0

    def count(_):
        nonlocal done
        if done == written:
            raise KeyboardInterrupt
        done += 1

    write = spool_module.write_atomic
    monkeypatch.setattr(spool_module, "write_atomic", lambda *a, **k: (count(None), write(*a, **k)))
    with contextlib.suppress(KeyboardInterrupt):
        await spool.add(REPORT, before=keep)
    monkeypatch.setattr(spool_module, "write_atomic", write)
    again = await loaded(tmp_path / "spool")
    await again.restore(kept)
    await again.add(REPORT)
    # Killed before anything was on disk, nothing was applied either; else the report is there, once.
    assert numbers(again) == ([1, 2] if written == 0 else [1, 2, 3])
    await again.done(numbers(again))
    later = await loaded(tmp_path / "spool")
    await later.restore(kept)
    assert numbers(later) == []


async def test_what_was_not_acknowledged_is_there_after_a_restart(tmp_path):
    spool = await loaded(tmp_path)
    for _ in range(3):
        await spool.add(REPORT)
    await spool.done([2])
    again = await loaded(tmp_path)
    assert [report.sequence for report in again.waiting(10)] == [1, 3]
    assert again.added.is_set()
    assert all(stat.S_IMODE(os.stat(p).st_mode) == 0o600 for p in tmp_path.glob("*.json"))


async def test_a_full_disk_loses_nothing_that_memory_can_hold(tmp_path, monkeypatch):
    spool = await loaded(tmp_path)
    write = spool_module.write_atomic

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spool_module, "write_atomic", full)
    await spool.add(REPORT)
    assert len(spool) == 1
    monkeypatch.setattr(spool_module, "write_atomic", write)
    await spool.add(REPORT)
    assert [report.sequence for report in (await loaded(tmp_path)).waiting(10)] == [1, 2]


async def test_a_report_nobody_can_read_is_set_aside_and_a_damaged_file_left(tmp_path):
    spool = await loaded(tmp_path)
    await spool.add(REPORT)
    await spool.set_aside(1)
    assert len(spool) == 0
    assert [file.name for file in tmp_path.glob("*.rejected")] == ["000000000001.rejected"]
    (tmp_path / "000000000009.json").write_text("{")
    assert len(await loaded(tmp_path)) == 0
