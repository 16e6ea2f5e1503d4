import pytest

from vectorflow_agent.core.policy import Policy
from vectorflow_agent.settings import (
    Settings,
    SettingsInvalid,
    enrolment_token,
    policy_load,
    settings_check,
    settings_load,
)


def test_flags_outrank_the_environment_which_outranks_the_file(tmp_path):
    file = tmp_path / "agent.yaml"
    file.write_text("url: http://file\nengine: embedded\nsettle_seconds: 3\n")
    environ = {"VECTORFLOW_URL": "http://environ", "VECTORFLOW_STOP_ENGINES": "1", "VECTOR_BIN": ""}
    settings = settings_load(environ, file, state_dir="/flag", stop_engines=None)
    assert (settings.url, settings.engine, settings.state_dir) == ("http://environ", "embedded", "/flag")
    assert settings.stop_engines is True
    assert settings.settle_seconds == 3.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("colour: blue", "colour"),
        ("engine: steam", "engine (VECTORFLOW_ENGINE)"),
        ("- a", "name: value"),
        ("enrolment_token: [unclosed canary", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_told_without_quoting_secrets(tmp_path, text, says):
    file = tmp_path / "agent.yaml"
    file.write_text(text)
    with pytest.raises(SettingsInvalid) as raised:
        settings_load({}, file)
    assert says in str(raised.value)
    assert "canary" not in str(raised.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        settings_load({}, tmp_path / "none.yaml")


@pytest.mark.parametrize("url", ["", "acme.example.com", "ftp://x", "http://user:pass@x", "http://x?token=1"])
def test_a_gateway_address_must_be_one(url):
    with pytest.raises(SettingsInvalid, match="VECTORFLOW_URL"):
        settings_check(Settings(url=url))


def test_the_token_comes_from_its_file_when_there_is_one(tmp_path):
    (tmp_path / "token").write_text(" vfe_x \n")
    assert enrolment_token(Settings(enrolment_token_file=str(tmp_path / "token"))) == "vfe_x"
    assert enrolment_token(Settings(enrolment_token="vfe_y")) == "vfe_y"
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        enrolment_token(Settings(enrolment_token_file=str(tmp_path / "none")))


def test_settings_never_show_the_token():
    assert "canary" not in repr(Settings(enrolment_token="canary"))


def test_policy_from_a_file(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("file_roots: [/var/log]\nlimits: {memory_bytes: 1000}\n")
    file.chmod(0o600)
    policy = policy_load(Settings(policy=str(file)))
    assert policy.file_roots == ("/var/log",)
    assert policy.deny_components == ("exec",)
    assert policy.limits.memory_bytes == 1000


@pytest.mark.parametrize("text", ["file_root: [/x]", "{", "limits: {memory: 1}"])
def test_a_policy_that_cannot_be_kept_stops_the_agent(tmp_path, text):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsInvalid, match="cannot be used"):
        policy_load(Settings(policy=str(file)))


def test_a_policy_that_others_can_change_is_none(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text("{}")
    file.chmod(0o666)
    with pytest.raises(SettingsInvalid, match="chmod"):
        policy_load(Settings(policy=str(file)))


def test_without_a_file_the_default_policy_holds():
    assert policy_load(Settings()) == Policy()
