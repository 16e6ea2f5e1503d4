"""Settings: parsed once, refused with the variable's name, never with its value."""

from pathlib import Path

import pytest

from vectorflow.platform.settings import (
    PREFIX,
    Settings,
    SettingsError,
    describe_settings,
    load_settings,
)


def test_without_variables_all_is_as_documented() -> None:
    settings, warnings = load_settings({})
    assert settings == Settings()
    assert warnings == []
    assert (settings.host, settings.port, settings.tls) == ("127.0.0.1", 8484, False)


def test_variables_are_parsed_by_type() -> None:
    settings, warnings = load_settings(
        {
            "VECTORFLOW_PORT": " 9000 ",
            "VECTORFLOW_ROLES": "api, worker",
            "VECTORFLOW_TRUSTED_PROXIES": "10.0.0.0/8,::1",
            "VECTORFLOW_BASE_URL": "https://vectorflow.example.com",
            "VECTORFLOW_ACCESS_LOG": "/tmp/a.jsonl",
            "VECTORFLOW_METRICS_PORT": "",
            "VECTORFLOW_HOTS": "typo",
            "VECTORFLOW_URL": "the agent's, not ours",
            "PATH": "/bin",
        }
    )
    assert settings.port == 9000
    assert settings.roles == ("api", "worker")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.tls
    assert settings.access_log == Path("/tmp/a.jsonl")
    assert settings.metrics_port is None
    assert len(warnings) == 1
    assert "VECTORFLOW_HOTS" in warnings[0]
    assert "typo" not in warnings[0]


def test_every_wrong_variable_is_named_and_no_value_told() -> None:
    wrong = {
        "VECTORFLOW_PORT": "hunter1",
        "VECTORFLOW_METRICS_PORT": "70000",
        "VECTORFLOW_TRUSTED_PROXIES": "hunter2",
        "VECTORFLOW_BASE_URL": "hunter3",
        "VECTORFLOW_ROLES": "api,king",
        "VECTORFLOW_COOKIE_SECURE": "perhaps",
    }
    with pytest.raises(SettingsError) as raised:
        load_settings(wrong)
    for variable, value in wrong.items():
        assert variable in raised.value.detail
        assert value.split(",")[-1] not in raised.value.detail
    assert "hunter" not in repr(Settings(base_url="https://hunter"))


def test_every_setting_is_described() -> None:
    described = list(describe_settings())
    assert [each.variable for each in described] == [
        PREFIX + name.upper() for name in Settings.__struct_fields__
    ]
    for each in described:
        assert each.description.endswith("."), each.variable
