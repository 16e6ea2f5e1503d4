"""Which hosts a sink sends to: those that its options name, else the usual one of its type. Pure."""

from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qsl

from vectorflow_agent.core.naming import ALIASES, names_host, strings, url_host

_NOWHERE: Final = frozenset({"blackhole", "console", "file", "prometheus_exporter", "websocket_server"})
"""Sinks that send to no host: they print, write or listen."""

_USUAL: Final = {
    "amqp": "",
    "appsignal": "appsignal-endpoint.net",
    "aws_cloudwatch_logs": "logs.{region}.amazonaws.com",
    "aws_cloudwatch_metrics": "monitoring.{region}.amazonaws.com",
    "aws_kinesis_firehose": "firehose.{region}.amazonaws.com",
    "aws_kinesis_streams": "kinesis.{region}.amazonaws.com",
    "aws_s3": "s3.{region}.amazonaws.com",
    "aws_sns": "sns.{region}.amazonaws.com",
    "aws_sqs": "sqs.{region}.amazonaws.com",
    "axiom": "api.axiom.co",
    "azure_blob": "",
    "azure_logs_ingestion": "",
    "azure_monitor_logs": "ods.opinsights.azure.com",
    "clickhouse": "",
    "databend": "",
    "databricks_zerobus": "",
    "datadog_events": "api.datadoghq.com",
    "datadog_logs": "http-intake.logs.datadoghq.com",
    "datadog_metrics": "api.datadoghq.com",
    "datadog_traces": "trace.agent.datadoghq.com",
    "doris": "",
    "elasticsearch": "",
    "gcp_chronicle_unstructured": "malachiteingestion-pa.googleapis.com",
    "gcp_cloud_storage": "storage.googleapis.com",
    "gcp_pubsub": "pubsub.googleapis.com",
    "gcp_stackdriver_logs": "logging.googleapis.com",
    "gcp_stackdriver_metrics": "monitoring.googleapis.com",
    "greptimedb_logs": "",
    "greptimedb_metrics": "",
    "honeycomb": "api.honeycomb.io",
    "http": "",
    "humio_logs": "cloud.humio.com",
    "humio_metrics": "cloud.humio.com",
    "influxdb_logs": "",
    "influxdb_metrics": "",
    "kafka": "",
    "keep": "localhost",
    "loki": "",
    "mezmo": "logs.mezmo.com",
    "mqtt": "",
    "nats": "",
    "new_relic": "log-api.newrelic.com",
    "opentelemetry": "",
    "papertrail": "",
    "postgres": "",
    "prometheus_remote_write": "",
    "pulsar": "",
    "redis": "",
    "sematext_logs": "logsene-receiver.sematext.com",
    "sematext_metrics": "spm-receiver.sematext.com",
    "socket": "",
    "splunk_hec_logs": "",
    "splunk_hec_metrics": "",
    "statsd": "",
    "vector": "",
    "webhdfs": "127.0.0.1",
    "websocket": "",
}
"""Where a sink sends to when no option of it names a host; empty where one must."""

_LISTS: Final = frozenset({"kafka", "nats", "pulsar", "redis"})
_BESIDE: Final = frozenset({"healthcheck", "healthcheck_uri", "oauth2", "proxy", "queue_url"})
"""Options that name a host besides the one that events are sent to."""

_EUROPE: Final = {
    "new_relic": "log-api.eu.",
    "sematext_logs": "logsene-receiver.eu.",
    "sematext_metrics": "spm-receiver.eu.",
}
_DATADOG: Final = "datadoghq.com"


class HostsUnknown(Exception):
    """It is not known which hosts sinks of this type send to."""


def hosts_of(options: dict[str, Any], filled: Callable[[str], str]) -> Iterator[tuple[str, str, str]]:
    """Each host with the option that names it and what is written there; an empty host cannot be told.

    The option is empty for the usual host of the type. `filled` puts secrets into a text. Raises HostsUnknown.
    """
    written = str(options.get("type", ""))
    component = ALIASES.get(("sinks", written), written)
    if component in _NOWHERE:
        return
    if component not in _USUAL:
        raise HostsUnknown(component)
    named = False
    for path, text in strings(options):
        if not names_host(component, path):
            continue
        named = named or _BESIDE.isdisjoint(path)
        for host in _hosts(component, path[-1], filled(text)):
            yield ".".join(path), text, host
    to_socket = component in {"socket", "statsd"} and str(options.get("mode", "")).startswith("unix")
    if not named and not to_socket:
        yield "", "", _usual(component, options)


def proxy_hosts(proxy: Any, filled: Callable[[str], str]) -> Iterator[tuple[str, str, str]]:
    """The same for the proxy of all components."""
    for path, text in strings(proxy, ("proxy",)):
        if names_host("", path):
            yield ".".join(path), text, url_host(filled(text))


def _hosts(component: str, name: str, text: str) -> Iterator[str]:
    if name == "connection_string" and component == "azure_blob":
        yield from _azure_hosts(text)
    elif name in {"account_name", "storage_account"}:
        yield f"{text}.blob.core.windows.net"
    elif name == "site" and component.startswith("datadog_"):
        yield _USUAL[component].replace(_DATADOG, text)
    elif component in _LISTS:
        yield from (url_host(each.strip()) for each in text.split(","))
    else:
        yield url_host(text)
        # What PostgreSQL is asked for counts more than the host before it.
        if component == "postgres":
            yield from (
                value for key, value in parse_qsl(text.partition("?")[2]) if key in {"host", "hostaddr"}
            )


def _azure_hosts(text: str) -> Iterator[str]:
    pairs = [pair.partition("=") for pair in text.split(";") if pair.strip()]
    parts = {name.strip().lower(): value.strip() for name, _, value in pairs}
    named = [value for name, value in parts.items() if name.endswith(("endpoint", "proxyuri"))]
    yield from map(url_host, named)
    if "accountname" in parts:
        yield f"{parts['accountname']}.blob.{parts.get('endpointsuffix') or 'core.windows.net'}"
    elif not named:
        yield ""


def _usual(component: str, options: dict[str, Any]) -> str:
    region = str(options.get("region") or "")
    host = _USUAL[component]
    if "{region}" in host:
        inland = ".cn" if region.startswith("cn-") else ""
        return host.replace("{region}.", f"{region}." if region else "") + inland
    if region == "eu" and component in _EUROPE:
        return _EUROPE[component] + host.partition(".")[2]
    return host
