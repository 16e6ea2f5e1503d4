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
        ({"type": "http", "tls": {"ca_file": "files/../../x"}}, False),
        ({"type": "http_server", "path": "/ingest"}, True),
        ({"type": "loki", "path": "/loki/api/v1/push", "labels": {"file": "{{ file }}"}}, True),
        ({"type": "gcp_pubsub", "credentials_path": "/etc/x"}, False),
        ({"type": "azure_blob", "auth": {"certificate_path": "/etc/x"}}, False),
        ({"type": "azure_blob", "auth": {"token_file_path": "/etc/x"}}, False),
        ({"type": "dnstap", "socket_path": "/run/x"}, False),
        ({"type": "journald", "journal_directory": "/etc"}, False),
        ({"type": "journald", "journalctl_path": "/usr/bin/journalctl"}, False),
        ({"type": "journald", "extra_args": ["--root=/etc"]}, False),
        ({"type": "file", "include": ["/var/log/x"], "data_dir": "/etc"}, False),
        ({"type": "lua", "search_dirs": ["/etc"]}, False),
        ({"type": "docker_logs", "docker_host": "unix:///etc/x"}, False),
        ({"type": "http", "tls": {"ca_path": "/etc/x"}}, False),
        ({"type": "kafka", "librdkafka_options": {"ssl.ca.location": "/etc/x"}}, False),
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
        ("https://{{ tenant }}.example.com", False),
        ("https://evil.test\\.example.com", False),
        ("https://in.example.com/{{ tenant }},x", True),
    ],
)
def test_destinations(uri, allowed):
    policy = Policy(destinations=("*.example.com",))
    assert (violations(policy, config("sinks", type="http", uri=uri)) == []) is allowed
    assert violations(policy, config("sources", type="http_client", uri=uri)) == []


BLOB = "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=a2V5"


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ({"type": "kafka", "bootstrap_servers": "a.example.com:9092, evil.test:9092"}, "evil.test"),
        ({"type": "kafka", "bootstrap_servers": "a.example.com", "librdkafka_options": {"metadata.broker.list": "evil.test"}}, "evil.test"),
        ({"type": "amqp", "connection_string": "amqp://u:p@evil.test:5672/%2f"}, "evil.test"),
        ({"type": "azure_blob", "connection_string": BLOB}, "acme.blob.core.windows.net"),
        ({"type": "azure_blob", "connection_string": BLOB + ";EndpointSuffix=evil.test"}, "acme.blob.evil.test"),
        ({"type": "azure_blob", "connection_string": "BlobEndpoint=https://evil.test;SharedAccessSignature=x"}, "evil.test"),
        ({"type": "azure_blob", "blob_endpoint": "https://evil.test"}, "evil.test"),
        ({"type": "azure_blob", "account_name": "acme"}, "acme.blob.core.windows.net"),
        ({"type": "databricks_zerobus", "ingestion_endpoint": "https://evil.test", "unity_catalog_endpoint": "https://a.example.com"}, "evil.test"),
        ({"type": "datadog_logs", "site": "evil.test"}, "http-intake.logs.evil.test"),
        ({"type": "datadog_metrics"}, "api.datadoghq.com"),
        ({"type": "aws_sqs", "endpoint": "https://a.example.com", "queue_url": "https://evil.test/q"}, "evil.test"),
        ({"type": "aws_sqs", "queue_url": "https://a.example.com/q", "region": "eu-west-1"}, "sqs.eu-west-1.amazonaws.com"),
        ({"type": "aws_s3", "bucket": "b"}, "s3.amazonaws.com"),
        ({"type": "aws_s3", "bucket": "b", "region": "cn-north-1"}, "s3.cn-north-1.amazonaws.com.cn"),
        ({"type": "pulsar", "endpoint": "pulsar://a.example.com", "auth": {"oauth2": {"issuer_url": "https://evil.test"}}}, "evil.test"),
        ({"type": "http", "uri": "https://a.example.com", "proxy": {"https": "http://evil.test:3128"}}, "evil.test"),
        ({"type": "http", "uri": "https://a.example.com", "healthcheck": {"uri": "https://evil.test"}}, "evil.test"),
        ({"type": "axiom", "region": "evil.test"}, "evil.test"),
        ({"type": "postgres", "endpoint": "postgres://a.example.com/db?host=evil.test"}, "evil.test"),
        ({"type": "greptimedb", "endpoint": "evil.test:4001"}, "evil.test"),
        ({"type": "new_relic", "region": "eu"}, "log-api.eu.newrelic.com"),
        ({"type": "humio_logs", "host": "https://evil.test"}, "evil.test"),
        ({"type": "vector", "routing": {"endpoints": ["a.example.com:6000", "evil.test:6000"]}}, "evil.test"),
    ],
)  # fmt: skip
def test_every_way_to_name_a_host_counts_and_so_does_the_usual_host(options, host):
    (found,) = violations(Policy(destinations=("*.example.com",)), config("sinks", **options))
    assert repr(host) in found
    assert violations(Policy(destinations=("*.example.com", host)), config("sinks", **options)) == []


@pytest.mark.parametrize(
    "options",
    [
        {"type": "console"},
        {"type": "file", "path": "/var/log/x"},
        {"type": "prometheus_exporter", "address": "0.0.0.0:9598"},
        {"type": "socket", "mode": "unix_stream", "path": "/run/x"},
        {"type": "loki", "endpoint": "https://a.example.com", "labels": {"host": "{{ host }}"}},
        {"type": "nats", "url": "nats://a.example.com:4222,nats://b.example.com:4222"},
    ],
)
def test_what_goes_to_no_other_host_is_allowed(options):
    assert violations(Policy(destinations=("*.example.com",)), config("sinks", **options)) == []


@pytest.mark.parametrize("options", [{"type": "of_tomorrow", "target": "evil.test"}, {"type": "http"}])
def test_a_sink_whose_host_is_not_known_is_refused_where_destinations_are_listed(options):
    assert len(violations(Policy(destinations=("*.example.com",)), config("sinks", **options))) == 1
    assert violations(Policy(), config("sinks", **options)) == []


def test_the_proxy_of_all_components_is_a_destination():
    policy = Policy(destinations=("*.example.com",))
    assert "'evil.test'" in violations(policy, {"proxy": {"http": "http://evil.test:3128"}})[0]
    assert violations(policy, {"proxy": {"http": "http://a.example.com:3128"}}) == []


def test_older_names_of_a_type_count_as_the_type():
    assert violations(Policy(deny_components=("http_server",)), config(type="http"))
    assert violations(Policy(deny_components=("http_server",)), config("sinks", type="http")) == []
    assert violations(Policy(deny_components=("greptimedb_metrics",)), config("sinks", type="greptimedb"))
    assert violations(Policy(allow_components=("http_server",)), config(type="http")) == []


@pytest.mark.parametrize(
    "options",
    [
        {"type": "journald", "journalctl_path": "files/abc"},
        {"type": "kafka", "librdkafka_options": {"sasl.kerberos.kinit.cmd": "id"}},
        {"type": "kubernetes_logs", "kube_config_file": "files/abc"},
    ],
)
def test_no_option_starts_a_program_where_exec_is_denied(options):
    assert "exec" in violations(Policy(), config(**options))[0]
    assert (
        "exec"
        in violations(
            Policy(deny_components=(), allow_components=("journald", "kafka", "kubernetes_logs")),
            config(**options),
        )[0]
    )
    assert violations(Policy(deny_components=()), config(**options)) == []


def test_what_stands_in_a_secret_is_judged_as_the_engine_reads_it_and_never_told():
    values = {"SECRET[vectorflow.x]": "hidden.evil.test", "SECRET[vectorflow.ok]": "a.example.com"}
    policy = Policy(destinations=("*.example.com",), file_roots=("/var/log",))

    def found(kind="sinks", **options):
        return violations(policy, config(kind, **options), filled=lambda text: filled(text, values))

    def filled(text, values):
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    (problem,) = found(type="http", uri="https://SECRET[vectorflow.x]/a")
    assert "hidden" not in problem
    assert found(type="http", uri="https://SECRET[vectorflow.ok]/a") == []
    assert found(type="http", uri="https://SECRET[store-own.x]/a")
    assert found(type="http", uri="https://u:SECRET[store-own.x]@a.example.com/a")
    assert found(type="http", uri="https://a.example.com/SECRET[store-own.x]") == []
    assert found("sources", type="file", include=["/var/log/SECRET[vectorflow.x]"])
    assert "type" in violations(Policy(), config(type="SECRET[vectorflow.x]"))[0]


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
