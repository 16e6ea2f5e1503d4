import stat

import pytest

from vectorflow_agent.settings import Settings
from vectorflow_agent.shell.disk import passage
from vectorflow_agent.shell.secrets import (
    SecretsUnusable,
    escaped,
    leftovers_remove,
    memory_backed,
    put_in_place,
    resolved_check,
    runtime_folder,
    runtime_place,
    secrets_write,
)

HOSTILE = 'a"b\\c\nd: e #'


def test_a_secret_inside_a_double_quoted_scalar_fits_whatever_it_holds():
    resolved_check('sinks: {a: {key: "x SECRET[vectorflow.k] y"}}', {"k": HOSTILE})


@pytest.mark.parametrize(
    ("text", "values", "says"),
    [
        ("a: SECRET[vectorflow.k]", {"k": HOSTILE}, "double-quoted"),
        ("a: SECRET[vectorflow.k]", {"k": "12"}, "double-quoted"),
        ("a: 'SECRET[vectorflow.k]'", {"k": "it's"}, "double-quoted"),
        ('"SECRET[vectorflow.k]": 1', {"k": "x"}, "double-quoted"),
        ("# SECRET[vectorflow.k]\na: 1", {"k": "x\ninjected: true"}, None),
        ('a: "SECRET[vectorflow.other]"', {"k": "x"}, "not delivered"),
        ('a: "SECRET[elsewhere.k]"', {"k": "x"}, "unknown secret backend"),
        ('a: "SECRET[vectorflow.k]"', {"k": ""}, "empty"),
    ],
)
def test_a_secret_anywhere_else_is_refused(text, values, says):
    if says is None:
        resolved_check(text, values)
        return
    with pytest.raises(SecretsUnusable, match=says) as raised:
        resolved_check(text, values)
    assert not values.get("k") or values["k"] not in str(raised.value)


def test_values_are_written_escaped_private_and_stale_ones_go(tmp_path):
    folder = tmp_path / "secrets"
    secrets_write(folder, {"old": "x"})
    secrets_write(folder, {"k": HOSTILE})
    assert [file.name for file in folder.iterdir()] == ["k"]
    assert (folder / "k").read_text() == escaped(HOSTILE) == r"a\"b\\c\nd: e #"
    assert stat.S_IMODE((folder / "k").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_private_key_is_a_file_and_the_engine_is_given_its_path(tmp_path):
    folder, pem = tmp_path / "secrets", "-----BEGIN PRIVATE KEY-----\nabc\n"
    values = {"key.web.2": pem, "k": "v"}
    secrets_write(folder, {"key.web.1": pem}, files={"key.web.1"})
    secrets_write(folder, values, files={"key.web.2"})
    assert sorted(file.name for file in folder.iterdir()) == ["k", "key.web.2", "key.web.2.file"]
    assert (folder / "key.web.2.file").read_text() == pem
    assert (folder / "key.web.2").read_text() == str(folder / "key.web.2.file")
    assert stat.S_IMODE((folder / "key.web.2.file").stat().st_mode) == 0o600
    placed = put_in_place(folder, values, {"key.web.2"})
    assert placed == {"key.web.2": str(folder / "key.web.2.file"), "k": "v"}
    resolved_check('key_file: "SECRET[vectorflow.key.web.2]"', placed)
    with pytest.raises(SecretsUnusable):
        secrets_write(folder, {"key.web.2.file": "x"})


def test_what_a_store_holds_must_stand_in_double_quotes_too():
    resolved_check('a: "SECRET[store-own.api_key]"', {}, {"store-own"})
    for text in ("a: SECRET[store-own.api_key]", "a: 'SECRET[store-own.api_key]'"):
        with pytest.raises(SecretsUnusable, match="double-quoted"):
            resolved_check(text, {}, {"store-own"})


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\nb"])
def test_a_name_that_is_no_file_name_is_refused(tmp_path, name):
    with pytest.raises(SecretsUnusable):
        secrets_write(tmp_path / "secrets", {name: "x"})


@pytest.fixture
def settings(tmp_path):
    made = Settings(state_dir=str(tmp_path))
    yield made
    leftovers_remove(made, tmp_path)


def test_the_chosen_folder_is_ours_alone(settings):
    folder = runtime_folder(settings)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert memory_backed(folder)
    assert runtime_folder(settings) == folder
    for others in (0o777, 0o740, 0o704, 0o720, 0o702):
        folder.chmod(others)
        assert runtime_folder(settings) != folder
        assert runtime_place(settings) != folder


def test_the_folder_stays_where_it_is_when_users_of_engines_pass_through_it(settings):
    folder = runtime_folder(settings)
    for _ in range(3):
        passage(folder)
        assert runtime_folder(settings) == runtime_place(settings) == folder


def test_what_lies_where_an_earlier_agent_had_secrets_is_removed(settings, tmp_path):
    in_memory, on_disk = runtime_folder(settings), tmp_path / "runtime"
    for folder in (in_memory, on_disk):
        secrets_write(folder / "p1" / "1", {"pass": "canary"})
    leftovers_remove(settings, in_memory)
    assert (in_memory / "p1" / "1" / "pass").read_text() == "canary"
    assert not on_disk.exists()
    leftovers_remove(settings, on_disk)
    assert not in_memory.exists()
