"""The maintainers' script: releases that are the same twice, and an index that only the key's owner can make."""

import json
import os
import stat
import zipfile
from pathlib import Path

from scripts import agent_release

from vectorflow_wire import releases


def run(*arguments):
    return agent_release.main([str(each) for each in arguments])


def test_the_same_sources_make_the_same_file(tmp_path, capsys):
    paths = []
    for folder in ("one", "two"):
        assert run("build", "--out", tmp_path / folder, "--version", "9.9.9") == 0
        paths.append(capsys.readouterr().out.strip())
    first, second = (Path(path).read_bytes() for path in paths)
    assert first == second
    with zipfile.ZipFile(paths[0]) as zipped:
        about = json.loads(zipped.read("release.json"))
        assert b'__version__ = "9.9.9"' in zipped.read("site-packages/vectorflow_agent/__init__.py")
        assert not [name for name in zipped.namelist() if "__pycache__" in name or "/tests/" in name]
    assert (about["program"], about["version"]) == ("agent", "9.9.9")


def test_key_build_index_verify(tmp_path, capsys):
    key, out = tmp_path / "release.key", tmp_path / "releases"
    assert run("key", "--out", key) == 0
    public = capsys.readouterr().out.strip()
    assert stat.S_IMODE(os.stat(key).st_mode) == 0o600
    assert key.read_text().strip() not in public
    # A key is never written over.
    assert run("key", "--out", key) == 1
    assert run("build", "--out", out, "--version", "9.9.9", "--release-key", public) == 0
    (file,) = out.iterdir()
    with zipfile.ZipFile(file) as zipped:
        assert public.encode() in zipped.read("site-packages/vectorflow_agent/release_key.py")
    vector = tmp_path / "vector"
    vector.write_bytes(b"a program")
    made = ("--number", 1, "--minimum", "0.1.0", "--out", out, "--vector", f"0.57.0={vector}", file)
    assert run("index", "--key", key, *made) == 0
    assert run("verify", "--public", public, out) == 0
    assert "2 releases" in capsys.readouterr().out
    index = releases.index_verify(
        (out / "index.json").read_bytes(), keys=releases.release_keys([public]), now=None
    )
    assert {each.program for each in index.releases} == {"agent", "vector"}
    (out / "vector").write_bytes(b"another program")
    assert run("verify", "--public", public, out) == 1
    other = tmp_path / "other.key"
    capsys.readouterr()
    assert run("key", "--out", other) == 0
    assert run("verify", "--public", capsys.readouterr().out.strip(), out) == 1
