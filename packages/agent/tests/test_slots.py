"""What the slots remember, and how a release gets into one."""

import os
import zipfile

import pytest

from vectorflow_agent.core.slots import INSTALLED, Slots, Trial
from vectorflow_agent.shell.slot_files import ReleaseDamaged, SlotFiles, unpacked_size


def tried():
    return Slots().filled("a", "0.2.0", "sha256:a").on_trial(Trial(slot="a", statement="s"))


def test_an_update_goes_to_the_slot_that_does_not_run():
    assert Slots().free() == "a"
    first = tried().confirmed()
    assert (first.current, first.free()) == ("a", "b")
    second = first.told().filled("b", "0.3.0", "sha256:b").on_trial(Trial(slot="b")).confirmed()
    assert (second.current, second.free()) == ("b", "a")
    assert second.held["a"].version == "0.2.0"


def test_what_failed_is_remembered_and_the_slot_just_left_counts():
    first = tried().confirmed().told()
    back = first.filled("b", "0.3.0", "sha256:b").on_trial(Trial(slot="b")).returned("does-not-start", "no")
    assert back.current == "a"
    assert back.failed == {"sha256:b": "does-not-start"}
    assert (back.outcome.version, back.outcome.reason) == ("0.3.0", "does-not-start")
    assert back.told().outcome is None
    assert back.trial is None


def test_a_damaged_slot_is_left_for_one_that_worked_and_may_come_again():
    first = tried().confirmed().told()
    assert first.earlier() == (INSTALLED,)
    second = first.filled("b", "0.3.0", "sha256:b").on_trial(Trial(slot="b")).confirmed().told()
    assert second.earlier() == ("a", INSTALLED)
    assert second.with_failed("sha256:a", "does-not-start").earlier() == (INSTALLED,)
    left = second.left("a", "does-not-start", "damaged")
    assert (left.current, left.free(), left.failed) == ("a", "b", {})
    assert (left.outcome.version, left.outcome.reason) == ("0.3.0", "does-not-start")


def test_without_a_trial_nothing_is_confirmed_or_returned():
    assert Slots().confirmed() == Slots()
    assert Slots().returned("x", "y") == Slots()


def test_only_the_last_failures_are_remembered():
    slots = Slots()
    for number in range(80):
        slots = slots.with_failed(f"sha256:{number}", "does-not-start")
    assert len(slots.failed) == 50
    assert "sha256:79" in slots.failed


def test_a_newer_agent_that_was_installed_by_hand_outranks_the_slot():
    slots = tried().confirmed()
    assert slots.to_run("0.1.0") == "a"
    assert slots.to_run("0.2.0") == "a"
    assert slots.to_run("0.10.0") == INSTALLED


def test_state_is_kept_and_damage_means_as_installed(tmp_path):
    files = SlotFiles(tmp_path)
    assert files.read() == Slots()
    files.write(tried())
    assert SlotFiles(tmp_path).read() == tried()
    # What is written down but not there cannot run.
    files.write(tried().confirmed())
    assert files.to_run(files.read()) == INSTALLED
    assert "vectorflow_agent" in files.command("a", "run", [])
    (files.root / "slots.json").write_bytes(b"{")
    assert files.read() == Slots()


def archive(tmp_path, **members):
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in members.items():
            zipped.writestr(name, data)
    return path


def test_a_release_is_unpacked_whole_or_not_at_all(tmp_path):
    files = SlotFiles(tmp_path / "state")
    good = archive(tmp_path, **{"run.py": "1", "site-packages/x.py": "2"})
    assert unpacked_size(good) == 2
    files.unpack(good, "a")
    assert (files.slot("a") / "site-packages" / "x.py").read_text() == "2"
    for bad in ({"other.py": "1"}, {"run.py": "1", "../out.py": "2"}, {"run.py": "1", "/etc/x": "2"}):
        with pytest.raises(ReleaseDamaged):
            files.unpack(archive(tmp_path, **bad), "a")
        # What was there stays.
        assert (files.slot("a") / "site-packages" / "x.py").exists()
        assert not (files.root / "a.new").exists()
    assert not (tmp_path / "out.py").exists()


def test_a_release_is_on_the_disk_before_anything_says_so(tmp_path, monkeypatch):
    files = SlotFiles(tmp_path / "state")
    good = archive(tmp_path, **{"run.py": "1", "site-packages/deep/x.py": "2"})
    kept, sync = [], os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: (kept.append(os.fstat(descriptor).st_ino), sync(descriptor))
    )
    files.unpack(good, "a")
    slot = files.slot("a")
    for path in (slot, *slot.rglob("*")):
        assert path.stat().st_ino in kept, path
    # Its name last.
    assert kept[-1] == files.root.stat().st_ino


def test_links_and_what_is_no_archive_are_refused(tmp_path):
    files = SlotFiles(tmp_path / "state")
    link = zipfile.ZipInfo("run.py")
    link.external_attr = 0o120777 << 16
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr(link, "/etc/passwd")
    with pytest.raises(ReleaseDamaged, match="link"):
        files.unpack(path, "a")
    path.write_bytes(b"no archive")
    for read in (unpacked_size, lambda each: files.unpack(each, "a")):
        with pytest.raises(ReleaseDamaged, match="no archive"):
            read(path)


def test_what_an_earlier_trial_said_is_forgotten(tmp_path):
    files = SlotFiles(tmp_path)
    assert not files.is_confirmed("sha256:a")
    files.confirm("sha256:a")
    assert files.is_confirmed("sha256:a")
    assert not files.is_confirmed("sha256:b")
    files.unconfirm()
    assert not files.is_confirmed("sha256:a")
