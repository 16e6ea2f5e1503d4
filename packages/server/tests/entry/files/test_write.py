"""Writing files: whole or not at all."""

import os
import stat

import pytest

from vectorflow.entry.files.write import NotWritten, write_file


def test_keeps_the_mode_and_follows_links(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("old")
    path.chmod(0o600)
    (tmp_path / "link.yaml").symlink_to(path)
    write_file(tmp_path / "link.yaml", "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (tmp_path / "link.yaml").is_symlink()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.yaml", "link.yaml"]


def test_makes_folders_and_heeds_the_mask(tmp_path):
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "new/b.yaml", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new/b.yaml").stat().st_mode) == 0o640


def test_what_fails_leaves_the_old_text_and_nothing_else(tmp_path):
    (tmp_path / "a.yaml").write_text("old")
    with pytest.raises(NotWritten, match="cannot be written"):
        write_file(tmp_path / "a.yaml" / "b.yaml", "x")
    with pytest.raises(NotWritten):
        write_file(tmp_path / "a.yaml", "\ud800")
    assert (tmp_path / "a.yaml").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.yaml"]
