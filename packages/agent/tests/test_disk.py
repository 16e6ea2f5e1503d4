import os
import stat

import pytest

from vectorflow_agent.shell.disk import Layout, StateLocked, lock_held, lock_take, read_optional, write_atomic


def test_a_write_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "file"
    write_atomic(path, b"old")

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_missing_file_is_none(tmp_path):
    assert read_optional(tmp_path / "none") is None


@pytest.mark.parametrize("pipeline", ["", "..", "a/b", "a\x00", "/etc"])
def test_a_pipeline_id_never_leaves_the_folder(tmp_path, pipeline):
    with pytest.raises(ValueError, match="pipeline id"):
        Layout(tmp_path).pipeline(pipeline)


def test_one_lock(tmp_path):
    path = tmp_path / "lock"
    assert not lock_held(path)
    with lock_take(path):
        assert lock_held(path)
        with pytest.raises(StateLocked, match="Another agent"):
            lock_take(path)
    assert not lock_held(path)
