"""The shelf of releases: only what is signed and whole comes onto it, and never an older index."""

import hashlib
import subprocess
import sys
import time

import msgspec
import psycopg
import pytest
from nacl.signing import SigningKey

from vectorflow.fleet.errors import FileNotNamed, ReleasesMissing, ReleasesRefused
from vectorflow.fleet.release_shelf import ReleaseShelf, import_releases
from vectorflow_wire import envelope, releases
from vectorflow_wire.encoding import base64_text
from vectorflow_wire.keys import key_id

KEY = SigningKey.generate()
PUBLIC = base64_text(bytes(KEY.verify_key))
CONTENT = b"a release of the agent"


def release(content=CONTENT, **changes):
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    made = releases.Release(
        program="agent", version="0.2.0", digest=digest, size=len(content), os="any", arch="any", file="a.zip"
    )
    return msgspec.structs.replace(made, **changes)


def given(folder, *, key=KEY, number=1, content=CONTENT):
    """A folder as the maintainers' script makes it."""
    folder.mkdir(exist_ok=True)
    now = time.time_ns() // 1_000_000
    index = releases.ReleaseIndex(
        number=number, issued_at=now, expires_at=now + 3_600_000, minimum="0.1.0", releases=(release(),)
    )
    signer = envelope.MemorySigner(key, key_id(bytes(key.verify_key)))
    (folder / "index.json").write_bytes(releases.index_sign(index, signer))
    (folder / "a.zip").write_bytes(content)
    return folder


async def test_an_import_is_served_as_it_was_signed(tmp_path) -> None:
    shelf = ReleaseShelf(tmp_path / "shelf")
    with pytest.raises(ReleasesMissing):
        await shelf.index()
    assert await shelf.listed() is None
    source = given(tmp_path / "source")
    import_releases(source, tmp_path / "shelf", [PUBLIC])
    assert await shelf.index() == (source / "index.json").read_bytes()
    path, size = await shelf.file(release().sha256)
    assert (path.read_bytes(), size) == (CONTENT, len(CONTENT))
    assert (await shelf.listed()).releases == (release(),)
    with pytest.raises(FileNotNamed):
        await shelf.file("0" * 64)


def test_what_is_not_signed_by_the_key_is_refused(tmp_path) -> None:
    source = given(tmp_path / "source", key=SigningKey.generate())
    with pytest.raises(ReleasesRefused, match="cannot be trusted"):
        import_releases(source, tmp_path / "shelf", [PUBLIC])
    assert not (tmp_path / "shelf").exists()
    with pytest.raises(ReleasesRefused):
        import_releases(source, tmp_path / "shelf", ["not a key"])


def test_a_file_that_is_another_or_missing_is_refused(tmp_path) -> None:
    source = given(tmp_path / "source", content=b"another")
    with pytest.raises(ReleasesRefused, match="not what the index names"):
        import_releases(source, tmp_path / "shelf", [PUBLIC])
    (source / "a.zip").unlink()
    with pytest.raises(ReleasesRefused, match="not there"):
        import_releases(source, tmp_path / "shelf", [PUBLIC])


def test_an_older_index_never_follows_a_newer_one_and_what_is_gone_is_removed(tmp_path) -> None:
    shelf = tmp_path / "shelf"
    import_releases(given(tmp_path / "source", number=5), shelf, [PUBLIC])
    (shelf / ("0" * 64)).write_bytes(b"of an index before")
    with pytest.raises(ReleasesRefused, match="older"):
        import_releases(given(tmp_path / "source", number=4), shelf, [PUBLIC])
    import_releases(given(tmp_path / "source", number=6), shelf, [PUBLIC])
    assert sorted(path.name for path in shelf.iterdir()) == sorted(["index.json", release().sha256])


def test_the_command_imports_lists_and_is_in_the_platforms_log(tmp_path, database_url, state_dir) -> None:
    environment = {
        "VECTORFLOW_STATE_DIR": str(state_dir),
        "VECTORFLOW_DATABASE_URL": database_url,
        "VECTORFLOW_RELEASES_DIR": str(tmp_path / "shelf"),
        "PATH": "/usr/bin:/bin",
    }

    def called(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "vectorflow.entry.cli", "release", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert "No releases" in called("list").stdout
    source = given(tmp_path / "source")
    done = called("import", str(source), "--public", PUBLIC)
    assert done.returncode == 0, done.stderr
    assert "0.2.0" in called("list").stdout
    other = base64_text(bytes(SigningKey.generate().verify_key))
    refused = called("import", str(source), "--public", other)
    assert refused.returncode == 1
    assert "cannot be trusted" in refused.stderr
    with psycopg.connect(database_url) as connection:
        records = connection.execute(
            "select after from platform_audit where action = 'releases.imported' and after::text like %s",
            [f"%{release().digest}%"],
        ).fetchall()
    about = [after for (after,) in records if after["public"] == [PUBLIC]]
    assert [(each["number"], each["minimum"]) for each in about] == [(1, "0.1.0")]
    assert not [after for (after,) in records if after["public"] == [other]]


def test_without_a_log_to_write_to_nothing_is_imported(tmp_path) -> None:
    source = given(tmp_path / "source")
    done = subprocess.run(
        [sys.executable, "-m", "vectorflow.entry.cli", "release", "import", str(source), "--public", PUBLIC],
        env={"VECTORFLOW_STATE_DIR": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "VECTORFLOW_DATABASE_URL" in done.stderr
    assert not (tmp_path / "state" / "releases").exists()
