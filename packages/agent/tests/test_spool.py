import os
import stat

from vectorflow_agent.shell import spool as spool_module
from vectorflow_agent.shell.spool import Spool
from vectorflow_wire.messages import Report

REPORT = Report(node="n", sequence=0, at=1, kind="applied")


async def loaded(path):
    spool = Spool(path)
    await spool.load()
    return spool


async def test_numbers_grow_over_restarts_and_acknowledgements(tmp_path):
    spool = await loaded(tmp_path)
    assert [(await spool.add(REPORT)).sequence for _ in range(3)] == [1, 2, 3]
    await spool.done([1, 2, 3])
    spool = await loaded(tmp_path)
    assert len(spool) == 0
    assert (await spool.add(REPORT)).sequence == 4


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
