import pytest

from vectorflow_agent.core.policy import Policy, reserved, store_violations, violations
from vectorflow_wire.bundles import StoreRef


def config(kind="sources", **options):
    return {kind: {"x": options}}


def test_exec_is_denied_by_default():
    assert violations(Policy(), config(type="exec")) == [
        "source 'x': components of type 'exec' are not allowed on this node"
    ]
    assert violations(Policy(deny_components=()), config(type="exec")) == []


def test_only_listed_types_when_there_is_a_list():
    policy = Policy(allow_components=("file",))
    assert violations(policy, config(type="file")) == []
    assert "not on this node's list" in violations(policy, config(type="stdin"))[0]


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({"type": "file", "include": ["/var/log/app/*.log"]}, True),
        ({"type": "file", "include": ["/var/log/app/a.log", "/etc/passwd"]}, False),
        ({"type": "file", "include": ["/var/log/../../etc/passwd"]}, False),
        ({"type": "file", "include": ["/var/log*/x"]}, False),
        ({"type": "file", "include": ["/var/logs/x"]}, False),
        ({"type": "file", "path": "/var/log/{{ name }}.log"}, True),
        ({"type": "file", "path": "/var/log{{ name }}"}, False),
        ({"type": "file", "path": "relative.log"}, False),
        ({"type": "http", "tls": {"ca_file": "/etc/ssl/key"}}, False),
        ({"type": "http", "tls": {"ca_file": "files/abc"}}, True),
        ({"type": "http_server", "path": "/ingest"}, True),
    ],
)
def test_file_roots(options, allowed):
    assert (violations(Policy(file_roots=("/var/log",)), config(**options)) == []) is allowed


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("https://in.example.com/x", True),
        ("https://user@evil.test/in.example.com", False),
        ("in.example.com:514", True),
        ("https://example.com.evil.test", False),
    ],
)
def test_destinations(uri, allowed):
    policy = Policy(destinations=("*.example.com",))
    assert (violations(policy, config("sinks", type="http", uri=uri)) == []) is allowed
    assert violations(policy, config("sources", type="http_client", uri=uri)) == []


def test_what_belongs_to_the_agent_is_reserved():
    found = reserved({"data_dir": "/x", "api": {}, "sinks": {"vf_x": {"type": "http"}, "ok": {}}})
    assert len(found) == 3
    assert "vf_x" in found[2]


def test_a_key_that_the_agent_writes_is_inside_but_no_other_secret_is_a_path() -> None:
    policy = Policy(file_roots=("/var/log",))
    held = {"SECRET[vectorflow.key.web.1]"}
    assert violations(policy, config(type="http", key_file="SECRET[vectorflow.key.web.1]"), held) == []
    assert violations(policy, config(type="http", key_file="SECRET[vectorflow.other]"), held)
    assert violations(policy, config(type="file", include=["SECRET[vectorflow.other]"]), held)


def test_stores_are_asked_only_where_the_node_says_so() -> None:
    store = StoreRef(name="store-own", type="aws_secrets_manager")
    assert store_violations(Policy(), [store])
    assert store_violations(Policy(secret_stores=("aws_secrets_manager",)), [store]) == []
    assert store_violations(Policy(secret_stores=("aws_secrets_manager",)), [StoreRef(name="x", type="exec")])
