import pytest

from vectorflow_agent.core.redaction import BLOT, Redactor, looks_sensitive


@pytest.mark.parametrize(
    "name",
    ["password", "api_key", "default_api_key", "AWS_SECRET_ACCESS_KEY", "token", "key", "key_pass", "dsn"],
)
def test_names_of_secrets(name):
    assert looks_sensitive(name)


@pytest.mark.parametrize(
    "name", ["key_field", "key_file", "path", "inputs", "compression", "keyspace", "codec"]
)
def test_other_names(name):
    assert not looks_sensitive(name)


def test_known_values_are_blotted_in_every_form():
    redactor = Redactor(['a"b c'])
    text = redactor.text('a"b c, a\\"b c, a%22b%20c, YSJiIGM=, 612262')
    assert text == f"{BLOT}, {BLOT}, {BLOT}, {BLOT}, 612262"


def test_looks_of_secrets():
    text = Redactor().text(
        "postgres://user:pw@host/db Bearer abc.def password: hunter2, AKIAABCDEFGHIJKLMNOP\n"
        "vfn_acme_abcdef_ghijkl -----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"
    )
    for secret in ("user:pw", "abc.def", "hunter2", "AKIA", "ghijkl", "MII"):
        assert secret not in text
    assert "postgres://" in text
    assert "@host/db" in text


def test_data_goes_by_names_and_leaves_references():
    data = {
        "sinks": {
            "out": {
                "auth": {"strategy": "basic", "user": "u", "password": "p1234"},
                "token": "SECRET[vectorflow.t]",
                "request": {"headers": {"X": "h1234"}},
                "endpoint": "https://u:p@host",
                "key": 12345,
            }
        }
    }
    sink = Redactor().data(data)["sinks"]["out"]
    assert sink == {
        "auth": {"strategy": "basic", "user": BLOT, "password": BLOT},
        "token": "SECRET[vectorflow.t]",
        "request": {"headers": {"X": BLOT}},
        "endpoint": f"https://{BLOT}@host",
        "key": BLOT,
    }
